import { expect, test } from "bun:test";
import { openSecret } from "./open-secret.ts";

const secrets = ["sk-ant-0123", "token-token-9"];

test.each([
  ["", 0],
  ["nothing of it\n", 0],
  ["ends with s", 1],
  ["ends with sk-a", 4],
  ["all but one sk-ant-012", 10],
  ["a whole one is not open: sk-ant-0123", 0],
  // The beginning may come twice, and the longer one counts.
  ["token-token-", 12],
  ["tok", 3],
])("%p has %d characters open", (text, open) => {
  expect(openSecret(text, secrets)).toBe(open);
});

test("without secrets nothing is open", () => {
  expect(openSecret("sk-ant", [])).toBe(0);
});
