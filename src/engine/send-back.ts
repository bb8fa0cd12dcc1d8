// Finished work that the integration queue could not take goes back to its loop, with the reason as feedback.
import { loopRef, type Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

export async function sendBack(
  parts: Parts,
  loopId: string,
  workspace: Workspace,
  to: { feedback: string; base: string; checkpoint: string },
): Promise<void> {
  const { ledger } = parts;
  const loop = ledger.loop(loopId);
  await workspace.repository.updateRef(
    loopRef(loopId),
    to.checkpoint,
    await workspace.repository.resolve(loopRef(loopId)),
  );
  const entry = { iteration: loop.iteration, layer: "integration", text: to.feedback };
  ledger.apply(
    loopId,
    { kind: "send_back" },
    {
      patch: {
        base_commit: to.base,
        progress: "sent back by the integration queue",
        context: { ...loop.context, integrated_commit: null, feedback: [...loop.context.feedback, entry] },
      },
    },
  );
}
