// The words for what a loop is and how it stands, without the schemas: a command that only compares them does
// not make those.

export const loopTypes = ["plan", "spec", "phase", "code"] as const;

export const loopStatuses = [
  "pending",
  "running",
  "awaiting_approval",
  "paused",
  "rebasing",
  "complete",
  "failed",
  "cancelled",
  "stalled",
  "invalidated",
] as const;

export const runStates = [
  "planning",
  "awaiting_approval",
  "executing",
  "integrating",
  "verified",
  "merged",
  "stalled",
  "failed",
  "cancelled",
  "paused",
] as const;

/** What a person calls a loop's type: one of their own is a variant of a built-in one. */
export function typeNameOf(loop: { loop_type: string; type_name?: string | undefined }): string {
  return loop.type_name ?? loop.loop_type;
}

/** A verdict of the judge in words; null: it gave none. */
export function judgeWord(pass: boolean | null): string {
  if (pass === null) return "no verdict";
  return pass ? "passed it" : "did not pass it";
}
