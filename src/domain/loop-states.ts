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
