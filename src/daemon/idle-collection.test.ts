import { expect, test } from "bun:test";
import { until } from "../../test/support/harness.ts";
import { IdleCollection } from "./idle-collection.ts";

test("memory is collected once after each burst of work, and not while it lasts", async () => {
  let collected = 0;
  const collection = new IdleCollection(() => (collected += 1), 500, 50);
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  expect(collected).toBe(0);
  const busyUntil = Date.now() + 800;
  while (Date.now() < busyUntil) {
    collection.touch();
    expect(collected).toBe(0);
    await tick();
  }
  await until(() => collected === 1, 5_000);
  // Said during the pause after it: heard.
  collection.touch();
  await until(() => collected === 2, 5_000);
  collection.end();
  collection.touch();
  collection.end();
  await tick();
  expect(collected).toBe(2);
}, 20_000);

test("nothing is collected where nothing happened", async () => {
  let collected = 0;
  const still = new IdleCollection(() => (collected += 1), 1, 1);
  const other = new IdleCollection(() => (collected += 10), 20, 1);
  other.touch();
  await until(() => collected > 0, 5_000);
  expect(collected).toBe(10);
  still.end();
  other.end();
}, 20_000);
