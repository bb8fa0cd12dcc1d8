import { expect, test } from "bun:test";
import { fingerprint } from "./fingerprint.ts";

test("fingerprints tell keys and salts apart and hold neither", () => {
  const one = fingerprint("sk-one", "salt");
  expect(one).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprint("sk-one", "salt")).toBe(one);
  expect(fingerprint("sk-two", "salt")).not.toBe(one);
  expect(fingerprint("sk-one", "pepper")).not.toBe(one);
  expect(fingerprint("b", "a")).not.toBe(fingerprint("", "ab"));
});
