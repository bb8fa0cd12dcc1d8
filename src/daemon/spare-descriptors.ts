// Descriptors kept back for the moment in which there are no others: where accepting fails, the event loop tries it
// again at once, for as long as somebody waits, and nobody is told anything.
import { closeSync, openSync } from "node:fs";
import { systemCode } from "../lib/errors.ts";

/** So many refused clients can read why at once. */
export const spareDescriptors = 8;

export class SpareDescriptors {
  readonly #held: number[] = [];

  /**
   * Whether another file could be opened, with all of the spare ones kept back. Where not, they are let go: whoever
   * comes next is accepted, and can be refused.
   */
  hasRoom(): boolean {
    try {
      while (this.#held.length < spareDescriptors) this.#held.push(openSync("/dev/null", "r"));
      closeSync(openSync("/dev/null", "r"));
      return true;
    } catch (error) {
      if (systemCode(error) === "") throw error;
      this.release();
      return false;
    }
  }

  release(): void {
    for (const descriptor of this.#held.splice(0)) closeSync(descriptor);
  }
}
