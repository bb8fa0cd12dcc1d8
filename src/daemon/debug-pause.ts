// For tests of the daemon's life, and for looking at it: LOOPR_DEBUG_PAUSE_AT=<step> stops the daemon with
// SIGSTOP at that step of its start or its end. docs/debugging.md lists the steps.

export type Step =
  // Start, in this order.
  | "home-ready"
  | "locked"
  | "log-open"
  | "identity-written"
  | "recovered"
  | "listening"
  | "answering"
  | "ready"
  // End, in this order.
  | "stop-begun"
  | "not-listening"
  | "loops-stopped"
  | "disconnected"
  | "nameless";

const wanted = process.env["LOOPR_DEBUG_PAUSE_AT"];

/** Returns when someone has sent SIGCONT; at once where nobody asked for this step. */
export function pauseAt(step: Step): void {
  if (wanted === step) process.kill(process.pid, "SIGSTOP");
}
