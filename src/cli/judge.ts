// loopr judge stats: whether the judge's word is worth anything, by what others said of the same work.
import type { Client } from "../client/types.ts";
import type { JudgeStats } from "../domain/judgement.ts";
import { plainLine } from "../lib/plain.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { money, paint, styleOf, type Style } from "./format.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { withSession } from "./session.ts";

export async function stats(
  context: CliContext,
  _args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return withSession(context, ports, {}, async ({ client }) => {
    const found = await read(client, typed["allProjects"] === true ? null : context.cwd);
    if (context.json) context.print(found);
    for (const line of statsLines(found.stats, styleOf(context))) context.say(line);
    return exitCodes.done;
  });
}

/** Outside of a repository it tells of all projects. */
async function read(client: Client, project: string | null): Promise<Result<"judge.stats">> {
  if (project === null) return client.call("judge.stats", {});
  try {
    return await client.call("judge.stats", { project });
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason !== "not_a_repository") throw error;
    return client.call("judge.stats", {});
  }
}

function statsLines(all: readonly JudgeStats[], style: Style): string[] {
  if (all.length === 0) {
    return ["No judge has been asked here yet: it reads plans, specs and phases (configuration key judge)."];
  }
  return all.flatMap((row, at) => [
    ...(at > 0 ? [""] : []),
    `${paint(style, "bold", plainLine(row.type))}, judged by ${plainLine(row.model)}: ${row.verdicts} asked, ` +
      `${row.passed} passed, ${row.failed} not passed, ${row.errors} without a verdict, ${money(row.cost_usd)}`,
    ...tableOf(row),
  ]);
}

const widths = [18, 10, 10, 10, 10] as const;

function tableOf({ person, checks }: JudgeStats): string[] {
  const line = (...cells: (string | number)[]) =>
    `  ${cells.map((cell, at) => (at === 0 ? String(cell).padEnd(widths[0]) : String(cell).padStart(widths[at] ?? 10))).join(" ")}`;
  return [
    line("", "person", "person", "checks", "checks"),
    line("the judge said", "approved", "refused", "passed", "failed"),
    line("pass", person.pass_yes, person.pass_no, checks.pass_yes, checks.pass_no),
    line("no pass", person.fail_yes, person.fail_no, checks.fail_yes, checks.fail_no),
    line("agreement", share(person), "", share(checks), ""),
  ];
}

function share({ pass_yes, pass_no, fail_yes, fail_no }: JudgeStats["person"]): string {
  const known = pass_yes + pass_no + fail_yes + fail_no;
  return known === 0 ? "–" : `${Math.round((100 * (pass_yes + fail_no)) / known)}%`;
}
