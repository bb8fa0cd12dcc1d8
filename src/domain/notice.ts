// What a person wants to be called for: a run that waits for him, or that has ended by itself.
import type { Loop, RunState } from "./loop.ts";

export const noticeKinds = ["waiting", "merged", "failed"] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/**
 * What the change of a run's state is to the person; null where it is nothing to be called for: he has brought
 * it about himself, or it goes on. `before`: the state that was known of it, null for a run that is new.
 */
export function noticeOf(before: RunState | null, root: Loop): NoticeKind | null {
  const { run_state: now } = root;
  if (now === null || now === before) return null;
  switch (now) {
    case "awaiting_approval":
    case "verified":
      return "waiting";
    case "paused":
      return root.waiting_for === "resume" ? null : "waiting"; // a person has paused it
    case "merged":
      return "merged";
    case "failed":
    case "stalled":
      return "failed";
    case "planning":
    case "executing":
    case "integrating":
    case "cancelled":
      return null;
  }
}
