// loopr evidence, loopr verify: what the daemon itself ran for a run, and the same check once more.
import type { Evidence } from "../domain/evidence.ts";
import { checkRecords, protectedChanged, type CheckRecord, changedWords } from "../domain/evidence-note.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { runEnvironment } from "../lib/run-environment.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes, type CliContext } from "./context.ts";
import {
  clockTime,
  duration,
  icon,
  indent,
  paint,
  shortCommit,
  shownState,
  stateName,
  styleOf,
  titleOf,
  type Style,
} from "./format.ts";
import { usage } from "./usage.ts";
import { readOutcome, type Outcome } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop } from "./resolve.ts";
import { createScreen } from "./screen.ts";
import { withSession } from "./session.ts";
import { endingText, isGood } from "./summary.ts";

/** A check has its own time limit, which may be long; the daemon's end is noticed at once. */
const verifyTimeoutMs = 24 * 3_600_000;

/** Of a root: of its whole run; of another loop: of it and what is below it. */
export async function evidence(
  context: CliContext,
  args: string[],
  _typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return withSession(context, ports, {}, async ({ client }) => {
    const style = styleOf(context, ports.env);
    const { loop, loops, short } = await resolveLoop(client, args[0] ?? "", style, context);
    const outcome = await readOutcome(client, loop.root_id);
    const found: Evidence[] = [];
    for (const { id } of loops) {
      if (id !== loop.id && !id.startsWith(`${loop.id}-`)) continue;
      found.push(...(await client.call("loop.iterations", { id })).evidence);
    }
    const checks = checkRecords(found);
    const changed = protectedChanged(found);
    if (context.json) {
      context.print({
        id: loop.id,
        root_id: loop.root_id,
        title: loop.title,
        run_state: outcome.root.run_state,
        verified: outcome.verified,
        sandboxed: checks.every(({ sandboxed }) => sandboxed),
        branch: outcome.root.branch,
        target: outcome.target,
        base_commit: outcome.root.base_commit,
        commit: outcome.commit,
        checks,
        protected_changed: changed,
      });
      return exitCodes.done;
    }
    context.say(paint(style, "bold", `Evidence of ${short(loop.id)} "${titleOf(loop)}"`));
    context.say(`  ${stateLine(outcome, style)}`);
    if (!loop.validation_command) {
      context.say(`  ${paint(style, "yellow", "UNVERIFIED: validation was waived, no check runs")}`);
    }
    if (checks.length === 0) context.say("  no check has run yet");
    for (const check of checks) for (const line of checkLines(check, style, short)) context.say(line);
    const unread = found.flatMap((one) => one.unread ?? []);
    const words = changed.map((path) => plainLine(changedWords(path, { unread })));
    if (changed.length > 0) context.say(`\nprotected files changed: ${words.join(", ")}`);
    if (outcome.root.run_state === "merged" && outcome.commit && outcome.verified) {
      context.say(`\nloopr verify ${shortCommit(outcome.commit)} runs the check again`);
    }
    return exitCodes.done;
  });
}

function stateLine({ root, target, commit }: Outcome, style: Style): string {
  const state = shownState(root);
  const onto = target ? ` onto ${plainLine(target)}` : "";
  const as = commit ? ` as ${shortCommit(commit)}` : "";
  const base = root.base_commit ? `, made from ${shortCommit(root.base_commit)}` : "";
  return `${icon(style, state)} ${stateName(state)}${onto}${as}${base}`;
}

const variants: Readonly<Record<CheckRecord["variant"], string>> = {
  baseline: "the code as it was before",
  candidate: "as committed",
  protected_at_base: "protected files as they were before",
  new_tests_on_base: "the code before with the new tests alone, has to fail",
  tests_named: "as committed, each test named",
};

function checkLines(check: CheckRecord, style: Style, short: (id: string) => string): string[] {
  const where = check.stage === "iteration" ? `iteration ${check.iteration}` : check.stage;
  const cwd = check.cwd === "" || check.cwd === "." ? "the root" : plainLine(check.cwd);
  const box = check.sandboxed ? "sandboxed" : paint(style, "yellow", "UNSANDBOXED");
  return [
    "",
    `${icon(style, isGood(check) ? "complete" : "failed")} ${short(check.loop_id)} ${where}, ${variants[check.variant]}  ${paint(style, "dim", clockTime(check.at))}`,
    indent(plain(check.command).trim(), "    $ "),
    `    ${endingText(check)} after ${duration(check.duration_ms)}, in ${cwd}, tree ${shortCommit(check.tree)}, ${box}`,
  ];
}

/** 0: the same outcome as recorded; 1: another. */
export async function verify(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const sandbox = typed["sandbox"] ?? "auto";
  if (sandbox !== "auto" && sandbox !== "none") throw usage("--sandbox is auto or none", "");
  const { pass } = await ports.personal(context.config);
  return withSession(context, ports, {}, async ({ client }) => {
    const style = styleOf(context, ports.env);
    const screen = createScreen(context, style, ports.now);
    screen.status("running the recorded checks again");
    const params = {
      commit: args[0] ?? "",
      project: context.cwd,
      env: runEnvironment(ports.env, pass),
      sandbox,
    } as const;
    const verified = await client
      .call("evidence.verify", params, { timeoutMs: verifyTimeoutMs })
      .finally(() => screen.close());
    if (context.json) context.print(verified);
    else for (const line of verifiedLines(verified, style)) context.say(line);
    return verified.same ? exitCodes.done : exitCodes.failed;
  });
}

function verifiedLines(verified: Result<"evidence.verify">, style: Style): string[] {
  const { same, checks } = verified;
  return [
    `${icon(style, same ? "complete" : "failed")} commit ${shortCommit(verified.commit)}  ${plainLine(verified.title)}`,
    ...checks.flatMap(againLines),
    same ? "The same outcome." : "NOT the same outcome.",
  ];
}

function againLines({ recorded, result, same }: Result<"evidence.verify">["checks"][number]): string[] {
  const box = result.sandboxed ? "sandboxed" : "unsandboxed";
  const output = result.output.trim() === "" ? "it printed nothing" : plain(result.output).trimEnd();
  return [
    indent(plain(result.command).trim(), "    $ "),
    `    recorded: ${endingText(recorded)} after ${duration(recorded.duration_ms)}`,
    `    now:      ${endingText(result)} after ${duration(result.duration_ms)}, ${box}`,
    ...(same ? [] : ["    NOT as recorded. What it printed now:", indent(output, "      ")]),
  ];
}
