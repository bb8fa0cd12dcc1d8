import { describe, expect, test } from "bun:test";
import {
  readNote,
  differingCheck,
  recordedChecks,
  renderNote,
  sameOutcome,
  type CheckRecord,
  type EvidenceNote,
} from "./evidence-note.ts";

const check: CheckRecord = {
  command: "npm test\nexit 0",
  cwd: "",
  commit: "c".repeat(40),
  tree: "t".repeat(40),
  exit_code: 0,
  ending: "exited",
  duration_ms: 5,
  sandboxed: true,
  variant: "candidate",
  passed: true,
  loop_id: "1-aa",
  iteration: 1,
  stage: "final",
  at: 7,
};
const note: EvidenceNote = {
  format: 1,
  run: "1-aa",
  title: "A task",
  target: "main",
  base_commit: "b".repeat(40),
  commit: check.commit,
  sandboxed: true,
  verified: true,
  check: { command: check.command, cwd: "", timeout: 600, setup: null },
  checks: [check],
  checks_left_out: 0,
  protected_changed: ["a_test.go"],
};

describe("a note", () => {
  test("is read as it was written, with lines for people before it", () => {
    const text = renderNote(note);
    expect(readNote(text)).toEqual(note);
    expect(text).toContain("Check: final candidate tttttttttttt exit 0: npm test exit 0\n");
    expect(text).toContain("Protected-Changed: a_test.go\n");
  });

  test("of which there are several on a commit: the newest that can be read counts", () => {
    const later = { ...note, title: "Later" };
    expect(readNote(`${renderNote(note)}\n${renderNote(later)}\nLoopr-Evidence: {"format":9}\n`)?.title).toBe(
      "Later",
    );
  });

  test("keeps the newest checks and says how many it left out", () => {
    const checks = Array.from({ length: 1002 }, (_, at) => ({ ...check, at }));
    const read = readNote(renderNote({ ...note, checks }));
    expect(read?.checks_left_out).toBe(2);
    expect(read?.checks[0]?.at).toBe(2);
  });

  const unreadable: [string, string][] = [
    ["nothing", ""],
    ["a person's own words", "reviewed by me\n"],
    ["broken JSON", "Loopr-Evidence: {"],
    ["another shape", 'Loopr-Evidence: {"format":1}'],
  ];
  for (const [name, text] of unreadable)
    test(`${name} is no evidence`, () => expect(readNote(text)).toBeNull());
});

test("the recorded checks are of each command the newest of this very tree, as committed", () => {
  const other = { ...check, tree: "o".repeat(40), at: 9 };
  const base = { ...check, variant: "protected_at_base" as const, at: 10 };
  const ofType = { ...check, command: "test ! -e zz", at: 11 };
  const setUp = { ...check, command: "npm ci", ending: "setup_failed" as const, at: 12 };
  const checks = [check, { ...check, at: 8 }, other, base, ofType, setUp];
  expect(recordedChecks(checks, check.tree).map(({ at }) => at)).toEqual([8, 11]);
  expect(recordedChecks(checks, "x")).toEqual([]);
});

describe("a note beside what the store says", () => {
  const ofType: CheckRecord = { ...check, command: "test ! -e zz" };
  const failed: CheckRecord = { ...ofType, exit_code: 1, passed: false };
  const elsewhere: CheckRecord = { ...check, command: "true", tree: "o".repeat(40) };
  const rows: [string, CheckRecord[], CheckRecord[], number, string | null][] = [
    ["the same", [check, ofType], [check, ofType], 0, null],
    ["of another tree", [check, elsewhere], [check], 0, null],
    ["a command that never ran", [{ ...check, command: "true" }], [check], 0, "true"],
    ["another directory", [{ ...check, cwd: "sub" }], [check], 0, check.command],
    ["another outcome", [check, ofType], [check, failed], 0, ofType.command],
    ["one that it conceals", [check], [check, ofType], 0, ofType.command],
    ["one that had no room in it", [check], [check, ofType], 3, null],
    ["nothing that ran", [check], [], 0, check.command],
  ];
  for (const [name, named, stored, leftOut, expected] of rows)
    test(name, () =>
      expect(
        differingCheck({ checks: named, checks_left_out: leftOut }, stored, check.tree)?.command ?? null,
      ).toBe(expected),
    );
});

test("an outcome is ending, exit code and verdict", () => {
  expect(sameOutcome(check, { ...check })).toBe(true);
  expect(sameOutcome(check, { ...check, exit_code: 1, passed: false })).toBe(false);
  expect(sameOutcome(check, { ...check, ending: "zero_tests", passed: false })).toBe(false);
});
