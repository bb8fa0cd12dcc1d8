import { expect, test } from "bun:test";
import { isObjectId, remembered } from "./remembered.ts";

const asked: string[] = [];
const ask = (value: string) => () => {
  asked.push(value);
  return Promise.resolve(value);
};

test("an answer is asked for once, the least recently used is forgotten first", async () => {
  const memory = remembered<string>(4, () => 1);
  asked.length = 0;
  for (const key of ["a", "b", "c", "d"]) expect(await memory.answer(key, ask(key))).toBe(key);
  expect(await memory.answer("a", ask("another"))).toBe("a");
  memory.learn("e", "told");
  expect(await memory.answer("e", ask("e"))).toBe("told");
  expect(await memory.answer("a", ask("another"))).toBe("a");
  expect(await memory.answer("b", ask("b again"))).toBe("b again");
  expect(asked).toEqual(["a", "b", "c", "d", "b again"]);
});

test("what is too heavy is answered and not kept, and neither is a failure", async () => {
  const memory = remembered<string>(8, (_key, value) => value.length);
  asked.length = 0;
  await memory.answer("long", ask("12345"));
  await memory.answer("long", ask("12345"));
  expect(asked).toHaveLength(2);
  const failed = await memory.answer("x", () => Promise.reject(new Error("no"))).catch(() => "failed");
  expect(failed).toBe("failed");
  expect(await memory.answer("x", ask("yes"))).toBe("yes");
});

test("only a full id stands for the same for ever", () => {
  expect(["a".repeat(40), "0".repeat(64)].every(isObjectId)).toBe(true);
  expect(["HEAD", "a".repeat(39), "A".repeat(40), `${"a".repeat(40)}^`].some(isObjectId)).toBe(false);
});
