import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whatItWaitsOn } from "./waiting.ts";

let proc = "";
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), "loopr-proc-"));
  mkdirSync(join(proc, "42"));
});
afterEach(() => rmSync(proc, { recursive: true }));

test.each([
  ["T", "", "it was stopped by a signal; `kill -CONT 42` lets it go on"],
  ["t", "", "a debugger has stopped it"],
  [
    "D",
    "nfs_wait_bit_killable",
    "the kernel (nfs_wait_bit_killable): a disk or a network file system that does not answer, perhaps",
  ],
  ["D", "0", "the kernel: a disk or a network file system that does not answer, perhaps"],
  ["R", "", "nothing: it is computing"],
  ["S", "ep_poll", null],
])("in state %s, in %p: %p", (state, wchan, said) => {
  // A program may be called anything.
  writeFileSync(join(proc, "42", "stat"), `42 (a) T (b) ${state} 1 42 42 0 -1 4194560`);
  writeFileSync(join(proc, "42", "wchan"), wchan);
  expect(whatItWaitsOn(42, proc)).toBe(said);
});

test("of a process that is gone nothing is known", () => {
  expect(whatItWaitsOn(43, proc)).toBeNull();
});
