// A child that has failed goes to its parent, which starts it afresh: in a new worktree, on the run's branch as it is
// now, told why. That is bounded by `limits.retries`; after it the child has failed.
import type { Failure } from "../domain/loop.ts";
import { archiveWork } from "./archive.ts";
import type { Integrator } from "./integrator.ts";
import { openWorkspace, type Parts } from "./parts.ts";

/** Ends of the loop's own doing. What its surroundings lack, a new start would lack as well. */
const retryable: ReadonlySet<string> = new Set(["iterations_used_up", "stalled"]);

/** Starts the loop afresh where that may help; false where it has failed for good. */
export async function retried(
  parts: Parts,
  { cleanUp }: Integrator,
  id: string,
  failure: Failure,
): Promise<boolean> {
  const { ledger } = parts;
  const loop = ledger.loop(id);
  const run = ledger.run(loop.root_id);
  const retries = loop.context.retries ?? 0;
  if (loop.parent_id === null || !retryable.has(failure.code) || retries >= run.config.limits.retries)
    return false;
  const workspace = await openWorkspace(parts, run);
  await cleanUp.of([loop]);
  await archiveWork(workspace.repository, loop);
  const { status, iteration, context, budget, title } = ledger.loop(id);
  if (status !== "running") return false; // a person was quicker
  const text =
    `An earlier attempt at this task was given up: ${failure.message}. You start afresh, without what it did. ` +
    "Go about it in another way.";
  parts.log.info("a failed loop is started afresh", { loop: id, title, code: failure.code });
  ledger.apply(
    id,
    { kind: "retry" },
    {
      patch: {
        progress: `started afresh: ${failure.message}`,
        max_iterations: iteration + budget.iterations,
        context: { ...context, feedback: [...context.feedback, { iteration, layer: "parent", text }] },
      },
      change: {
        events: [
          {
            event: "loop.retried",
            loop_id: id,
            root_id: loop.root_id,
            data: { id, retry: retries + 1, reason: failure.message },
          },
        ],
      },
    },
  );
  return true;
}
