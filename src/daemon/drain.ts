// daemon.drain: work comes to its next checkpoints, for a restart that interrupts nothing.
import type { Engine } from "../engine/engine.ts";
import type { Handlers } from "./handlers.ts";

/** Who asked may be gone: without another request everything goes on after this time. */
const leaseMs = 10_000;

export function drainHandler(engine: Pick<Engine, "hold">): Handlers["daemon.drain"] {
  let lease: NodeJS.Timeout | undefined;
  return ({ cancel }) => {
    clearTimeout(lease);
    if (cancel === true) return engine.hold(false);
    lease = setTimeout(() => engine.hold(false), leaseMs);
    return engine.hold(true);
  };
}
