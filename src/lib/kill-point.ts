// For tests of recovery: LOOPR_DEBUG_KILL_AT=n ends this daemon with SIGKILL at its n-th step, where a step is
// the moment before or after a store transaction, or before a git process.
const killAt = Number(process.env["LOOPR_DEBUG_KILL_AT"] ?? 0);
let steps = 0;

export function killPoint(): void {
  if (killAt > 0 && ++steps === killAt) process.kill(process.pid, "SIGKILL");
}
