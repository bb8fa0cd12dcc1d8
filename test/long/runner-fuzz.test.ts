// Arbitrary bytes on both ends of the runner's channel, at length.
import { test } from "bun:test";
import { seedOfRun } from "../support/fuzz.ts";
import { playLanes, playRunners } from "../support/runner-fuzz.ts";

const limitMs = 20 * 60_000;

test("runners: 300 channels", () => playRunners(seedOfRun(), 300, limitMs / 2), limitMs);

test("lanes: 300 runners that talk nonsense", () => playLanes(seedOfRun(), 50, limitMs / 2), limitMs);
