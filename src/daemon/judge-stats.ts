// judge.stats: how often the judge's verdicts agree with what the checks and the person said of the same work.
import type { IterationRecord } from "../domain/evidence.ts";
import { judgeStats, type Judged } from "../domain/judgement.ts";
import type { Loop } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { isDone } from "../domain/transition.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { Git } from "../engine/git-port.ts";
import type { Params, Result } from "../protocol/methods.ts";

interface Needs {
  engine: Engine;
  store: Store;
  git: Git;
}

export async function statsOfJudge(
  { project }: Params<"judge.stats">,
  { engine, store, git }: Needs,
): Promise<Result<"judge.stats">> {
  const { ledger } = engine;
  const hash = project ? await git.projectOf(project) : null;
  const judged = ledger
    .all()
    .filter(
      (loop) =>
        loop.loop_type !== "code" && (hash === null || ledger.run(loop.root_id).project.hash === hash),
    )
    .flatMap((loop) => judgedOf(loop, store.iterations(loop.id), engine));
  return { stats: judgeStats(judged) };
}

function judgedOf(loop: Loop, records: readonly IterationRecord[], engine: Engine): Judged[] {
  const type = typeNameOf(loop);
  // What was built from it speaks of the work that passed, and of nothing that was sent back before.
  const passed = records.findLast(({ outcome }) => outcome === "passed");
  // A replay's copies are told of with the loop that they are of.
  const own = records.filter(({ copied_from }) => copied_from === undefined);
  return own.flatMap((record) =>
    (record.judgements ?? []).map(({ model, pass, cost_usd }) => ({
      type,
      model,
      pass,
      cost_usd,
      person: record.decision === undefined ? null : record.decision === "approved",
      checks: record === passed ? builtWell(loop, engine) : null,
    })),
  );
}

/** Whether everything below a loop passed its checks; null while that is not known. */
function builtWell(loop: Loop, { ledger }: Engine): boolean | null {
  if (isDone(loop, (id) => ledger.childrenOf(id))) return true;
  const below = ledger.withDescendants(loop.id).slice(1);
  return below.some(({ status }) => status === "failed" || status === "stalled") ? false : null;
}
