// What an iteration is given, and what came of it.
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Unfinished } from "./recorded.ts";

export interface IterationContext {
  signal: AbortSignal;
  /** The iteration follows another one that this task has made, and is not one that was interrupted. */
  afterAnother: boolean;
  /** Of a code loop whose worktree is as its interrupted iteration left it: the conversation that goes on there. */
  unfinished: Unfinished | null;
}

export interface IterationEnd {
  passed: boolean;
  /** It passed, and another pass of the Rule of Five follows. */
  next?: string;
  layer: string;
  feedback: string;
  /** Protected files that a person is asked about. */
  asks?: string[];
  /** Protected files that it was refused for. */
  refused?: string[];
  /** The model goes round in circles: another iteration would, too. */
  stuck?: string;
  record: Partial<IterationRecord>;
  /** What ran, stored together with the record. */
  evidence?: Evidence[];
}
