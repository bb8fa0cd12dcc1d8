// What the run knows of the check on the code that a loop started from.
import type { CheckResult } from "../domain/evidence.ts";
import type { Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

export interface Baseline {
  /** The check on the very tree that the work is based on; null where it has not run on that. */
  onBase: CheckResult | null;
  /** The target's commit had no tests when the run began: a second run without any is then no verdict. */
  hadNoTests: boolean;
}

export async function baselineOf(
  parts: Parts,
  { repository }: Workspace,
  rootId: string,
  base: string,
): Promise<Baseline> {
  const tree = await repository.treeOf(base);
  const evidence = parts.ledger.loopsOf(rootId).flatMap(({ id }) => parts.store.evidence(id));
  const ran = evidence
    .toSorted((a, b) => a.at - b.at)
    .flatMap(({ checks }) => checks)
    .filter((check) => check.tree === tree && ["baseline", "candidate"].includes(check.variant));
  const baselines = evidence.filter(({ stage }) => stage === "baseline").flatMap(({ checks }) => checks);
  return {
    onBase: ran.at(-1) ?? null,
    hadNoTests: baselines.some(({ ending }) => ending === "zero_tests"),
  };
}
