import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyEnvironment, personalSettings } from "./personal.ts";

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "loopr-personal-"));
  mkdirSync(join(scratch, ".config", "loopr"), { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const settings = (explicit: string | null = null) => personalSettings({ HOME: scratch }, explicit);
const userFile = (text: string) => writeFileSync(join(scratch, ".config", "loopr", "loopr.yml"), text);

test("nothing set", () => {
  expect(settings()).toEqual({ pass: [], keyVariable: null });
});

test("the user's file, and the explicit one before it", () => {
  userFile("env: { pass: [A, B] }\nllm: { providers: { anthropic: { api_key_env: WORK_KEY } } }\n");
  expect(settings()).toEqual({ pass: ["A", "B"], keyVariable: "WORK_KEY" });
  const explicit = join(scratch, "mine.yml");
  writeFileSync(explicit, "env: { pass: [C] }\n");
  expect(settings(explicit)).toEqual({ pass: ["C"], keyVariable: "WORK_KEY" });
});

test("a mistake in it is named, and so is an explicit file that is not there", () => {
  userFile("env: { pass: A }\n");
  expect(() => settings()).toThrow(/loopr\.yml:1: env\.pass must be a list/);
  userFile("");
  expect(() => settings(join(scratch, "none.yml"))).toThrow(/none\.yml does not exist/);
});

test("the named variable stands for ANTHROPIC_API_KEY, even where it is not set", () => {
  const env = { ANTHROPIC_API_KEY: "usual", WORK_KEY: "work" };
  expect(keyEnvironment(env, { pass: [], keyVariable: null })).toBe(env);
  expect(keyEnvironment(env, { pass: [], keyVariable: "WORK_KEY" })["ANTHROPIC_API_KEY"]).toBe("work");
  expect(keyEnvironment(env, { pass: [], keyVariable: "OTHER" })["ANTHROPIC_API_KEY"]).toBeUndefined();
});
