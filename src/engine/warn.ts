// What a person should know of a run that goes on all the same: told once, stored, and in the daemon's log.
import type { Parts } from "./parts.ts";

export function warnRun(
  parts: Pick<Parts, "ledger" | "redact" | "log">,
  rootId: string,
  message: string,
): void {
  const run = parts.ledger.run(rootId);
  const text = parts.redact(run, message);
  if (run.warnings.includes(text)) return;
  parts.log.warn(text, { run: rootId });
  const told = {
    event: "run.warning",
    loop_id: rootId,
    root_id: rootId,
    data: { id: rootId, message: text },
  };
  parts.ledger.update(rootId, {}, { run: { warnings: [...run.warnings, text] }, change: { events: [told] } });
}
