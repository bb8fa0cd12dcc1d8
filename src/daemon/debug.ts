// For tests of the daemon's life, and for looking at it. docs/debugging.md has the variables and the steps.

import type { Caller } from "./handlers.ts";

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

const pausing = process.env["LOOPR_DEBUG_PAUSE_AT"];
const sticking = process.env["LOOPR_DEBUG_STICK_AT"];
const crashing = process.env["LOOPR_DEBUG_CRASH_ON"];

/** Milliseconds between two looks at what no event tells of; undefined: as usual. */
export function tickMs(): number | undefined {
  const ms = Number(process.env["LOOPR_DEBUG_TICK_MS"] ?? "");
  return ms > 0 ? ms : undefined;
}

/** Returns when someone has sent SIGCONT; at once where nobody asked for this step. */
export function pauseAt(step: Step): void {
  if (pausing === step) process.kill(process.pid, "SIGSTOP");
  if (sticking === step) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** The end by an error that nobody catches, whose text holds what a careless one might: what was worked on. */
export function crashOn(method: string, caller: Caller): void {
  if (crashing !== method) return;
  setImmediate(() => {
    throw new Error(`LOOPR_DEBUG_CRASH_ON: ${method} of ${JSON.stringify(caller)}`);
  });
}
