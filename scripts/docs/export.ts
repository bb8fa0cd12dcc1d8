// docs/export.md: the document that `loopr export` writes, from its schema.
import * as z from "zod/mini";
import { Config } from "../../src/domain/config.ts";
import { CheckResult, Evidence, IterationRecord } from "../../src/domain/evidence.ts";
import { ExportedRun, RunExport } from "../../src/domain/export.ts";
import { Loop, LoopContext } from "../../src/domain/loop.ts";
import { typeWriter } from "./types.ts";

/** Written out below, and shown by name elsewhere. */
const written = new Map<string, z.core.$ZodType>([
  ["Run", ExportedRun],
  ["Loop", Loop],
  ["LoopContext", LoopContext],
  ["Iteration", IterationRecord],
  ["Evidence", Evidence],
  ["Check", CheckResult],
]);

export function exportPage(): string {
  const write = typeWriter(new Map([...written, ["Configuration", Config]]));
  const list = (fields: ReturnType<typeof write.fields>) => [
    ...fields.map(
      ({ name, type, required }) => `- \`${name}\`${required ? "" : " (may be absent)"}: \`${type}\``,
    ),
    "",
  ];
  return [
    "# What `loopr export` writes",
    "",
    "One JSON document with everything on record of a run: `loopr export ID -o run.json`. Times are milliseconds",
    "since 1970, money is in US dollars. `version` grows when a field changes its meaning or goes; new fields may",
    "come at any time. Keys and the values of environment variables are not in it; source code that the model has",
    "read is, in the conversations.",
    "",
    ...list(write.fields(RunExport)),
    "`artifacts` holds every version of each plan, spec and phase, with who made it. `files` is the record of each",
    "iteration: `prompt.md`, what the model was told; `conversation.jsonl`, its turns with their tool calls and the",
    "answers to them, as `messages`; `output.log`, what live views showed; `validation.log`, `integration.log` and",
    "`final.log`, the whole output of its checks. Iteration 0 is the check on the commit that the run began at.",
    "`Configuration` is every key of [configuration.md](configuration.md), as it counted for the run.",
    "Records that were pruned ([configuration.md](configuration.md), `records`) have no files.",
    "",
    ...[...written].flatMap(([name, schema]) => [`## ${name}`, "", ...list(write.fields(schema))]),
  ].join("\n");
}
