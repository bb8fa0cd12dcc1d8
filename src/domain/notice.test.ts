import { expect, test } from "bun:test";
import { loopRecord } from "../../test/support/stored-records.ts";
import type { RunState } from "./loop.ts";
import { noticeOf, type NoticeKind } from "./notice.ts";

const cases: [
  before: RunState | null,
  now: RunState,
  waitingFor: string | null,
  expected: NoticeKind | null,
][] = [
  [null, "planning", null, null],
  ["planning", "awaiting_approval", "approval", "waiting"],
  ["awaiting_approval", "awaiting_approval", "approval", null],
  ["executing", "awaiting_approval", "protected", "waiting"],
  ["executing", "integrating", null, null],
  ["integrating", "merged", null, "merged"],
  ["integrating", "verified", "merge", "waiting"],
  ["executing", "paused", "resume", null],
  ["executing", "paused", "budget", "waiting"],
  ["executing", "paused", "credentials", "waiting"],
  ["executing", "failed", null, "failed"],
  ["executing", "stalled", null, "failed"],
  ["executing", "cancelled", null, null],
  ["merged", "merged", null, null],
];
for (const [before, run_state, waiting_for, expected] of cases) {
  test(`${before} → ${run_state}, waiting for ${waiting_for}: ${expected}`, () => {
    expect(noticeOf(before, loopRecord({ run_state, waiting_for }))).toBe(expected);
  });
}
