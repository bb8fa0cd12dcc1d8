// A loop whose result no longer counts runs again: what is below it is invalidated, its work is archived, and the
// run's branch is put back to where it held nothing of it. Every step may be repeated after a crash.
import type { Loop } from "../domain/loop.ts";
import type { Intent } from "../domain/run.ts";
import type { Core } from "./core.ts";
import { archiveWork, keep } from "./archive.ts";
import { loopsOfMessage } from "./commit-message.ts";
import { openWorkspace, type Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

/** Does what an intent to invalidate asks for. Called by the run's queue, so that nothing is integrated meanwhile. */
export async function invalidate(core: Core, intent: Intent): Promise<void> {
  const { ledger, parts, integrator } = core;
  for (const id of intent.loops) {
    const below = await stopAll(core, id);
    const loop = ledger.loop(id);
    const gone = new Set([loop, ...below].map((one) => one.id));
    const run = ledger.run(loop.root_id);
    if (run.branch !== null) {
      const workspace = await openWorkspace(parts, run);
      await takeOut(parts, loop.root_id, workspace, gone);
      await integrator.cleanUp.of([loop, ...below]);
      await archiveWork(workspace.repository, loop);
    }
    runAgain(core, ledger.loop(id), intent);
  }
  core.wake();
}

/** Ends the tasks of the loop and of all below it; what is below it is invalidated. Returns that. */
async function stopAll({ ledger, tasks }: Core, id: string): Promise<Loop[]> {
  const below = () => ledger.withDescendants(id).slice(1);
  // A task that was just passing may have made children: looked at until there are no new ones.
  for (;;) {
    const live = below().filter(({ status }) => status !== "invalidated");
    for (const one of live.toReversed()) ledger.apply(one.id, { kind: "invalidate" });
    await Promise.all([id, ...live.map((one) => one.id)].map((one) => tasks.stop(one)));
    if (below().every(({ status }) => status === "invalidated")) return below();
  }
}

/**
 * The run's branch back to the last commit before any of the loops. What was integrated after that waits to be
 * integrated again: on another base nobody has checked it. The old tip stays under a ref.
 */
async function takeOut(
  parts: Parts,
  rootId: string,
  { repository }: Workspace,
  gone: ReadonlySet<string>,
): Promise<void> {
  const { ledger } = parts;
  const run = ledger.run(rootId);
  const tip = run.tip ?? run.target_commit;
  const commits = (await repository.log(run.target_commit, tip)).toReversed();
  const first = commits.findIndex(({ message }) => loopsOfMessage(message).some((id) => gone.has(id)));
  if (first < 0) return;
  const kept = commits.slice(0, first);
  const newTip = kept.at(-1)?.commit ?? run.target_commit;
  await keep(repository, rootId, tip);
  const branch = `refs/heads/${run.branch ?? ""}`;
  await repository.updateRef(branch, newTip, await repository.resolve(branch));
  const stay = new Set(kept.flatMap(({ message }) => loopsOfMessage(message)));
  for (const loop of ledger.loopsOf(rootId)) {
    if (loop.context.integrated_commit === null || stay.has(loop.id)) continue;
    const context = { ...loop.context, integrated_commit: null };
    ledger.update(loop.id, { progress: "taken off the run's branch", context });
  }
  ledger.updateRun(rootId, { tip: newTip, verified_commit: null });
}

/** Pending again, and the intent carried out as far as this loop goes: in one transaction. */
function runAgain({ ledger }: Core, loop: Loop, intent: Intent): void {
  const run = ledger.run(loop.root_id);
  const { feedback } = loop.context;
  const entry = { iteration: loop.iteration, layer: "person", text: intent.feedback ?? "" };
  const left = intent.loops.slice(intent.loops.indexOf(loop.id) + 1);
  ledger.apply(
    loop.id,
    { kind: "rerun" },
    {
      patch: {
        progress: "runs again",
        // Whoever asked for it grants at least one iteration.
        max_iterations: Math.max(loop.max_iterations, loop.iteration + 1),
        context: { ...loop.context, feedback: intent.feedback ? [...feedback, entry] : feedback },
      },
      run: {
        verified_commit: null,
        blocked: null,
        merge_requested: false,
        intents: (run.intents ?? []).flatMap((one) => {
          if (one.id !== intent.id) return [one];
          return left.length > 0 ? [{ ...one, loops: left }] : [];
        }),
      },
    },
  );
  const root = ledger.loop(loop.root_id);
  if (root.status === "complete" && (root.failure !== null || root.waiting_for !== null))
    ledger.update(root.id, { failure: null, waiting_for: null });
}
