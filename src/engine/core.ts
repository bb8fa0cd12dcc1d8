// What the parts of the engine share: the gate, the signals and the engine itself work on the same tasks and queue.
import type { Integrator } from "./integrator.ts";
import type { Applied, Ledger } from "./ledger.ts";
import type { Parts } from "./parts.ts";
import type { Tasks } from "./tasks.ts";

export interface Core {
  readonly parts: Parts;
  readonly ledger: Ledger;
  readonly tasks: Tasks;
  readonly integrator: Integrator;
  /** Does what a transition owes. */
  perform(applied: Applied): void;
  /** Starts whatever may start now. */
  wake(): void;
}
