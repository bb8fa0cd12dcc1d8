// loopr init: writes a commented .loopr.yml with the check that was found, and trusts it.
import { accessSync, constants, existsSync, lstatSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { detectChecks, type Detected } from "../config/detect.ts";
import { projectFilePaths } from "../config/project-file.ts";
import { projectTemplate } from "../config/template.ts";
import { trust } from "../config/trust.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { openProject } from "./project.ts";

export async function init(
  context: CliContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<number> {
  const project = await openProject(context.cwd);
  const path = placeFor(project.root, options["force"] === true);
  const problems = new Set<string>();
  const [detected = null, ...others] = detectChecks(project.root, (problem) => problems.add(problem));
  const text = projectTemplate(detected);
  write(path, text);
  trust(project, text);
  if (context.json) {
    context.print({
      path,
      check: detected?.command ?? null,
      setup: detected?.setup ?? null,
      because: detected?.because ?? null,
      others: others.map(({ command }) => command),
      problems: [...problems],
      trusted: true,
    });
  }
  for (const problem of problems) {
    context.note(`warning: ${plainLine(problem)}`);
    context.note("  hint: it was left out of account; correct it, then loopr init --force looks again");
  }
  tell(context, path, detected, others);
  return exitCodes.done;
}

function placeFor(root: string, force: boolean): string {
  const [usual, ...rest] = projectFilePaths(root);
  // A link counts, wherever it leads.
  const existing = [usual, ...rest].filter((path) => lstatSync(path, { throwIfNoEntry: false }));
  const [first] = existing;
  if (first === undefined) return usual;
  if (!force) throw new LooprError("usage", `${first} exists`, "edit it, or replace it with --force");
  if (existing.length === 1) return first;
  throw new LooprError(
    "config_invalid",
    `${existing.join(" and ")} exist, and only one may`,
    "remove one of them",
  );
}

/** Renamed into place: a file that is a symbolic link is replaced, not what it points to. */
function write(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw new LooprError("failed", `${path} cannot be written: ${messageOf(error)}`, "", { cause: error });
  }
}

function tell(
  context: CliContext,
  path: string,
  detected: Detected | null,
  others: readonly Detected[],
): void {
  context.say(`Wrote ${path}, and trusted it.`);
  if (!detected) {
    context.note("warning: no test command was found");
    context.note(`  hint: set validation.command in ${path}, or give --check with each run`);
    return;
  }
  context.say(`  check  ${detected.command}  (found by ${detected.because})`);
  if (detected.setup !== null) {
    context.say(`  setup  ${detected.setup}`);
    context.note(
      "note: setup has no network in the sandbox, unless sandbox.net is true in your own configuration",
    );
  }
  if (others.length) context.say(`  other ways found: ${others.map(({ command }) => command).join(", ")}`);
  const [program = ""] = detected.command.split(" ");
  if (!program.includes("/") && !onPath(program)) {
    context.note(`warning: ${program} is not on your PATH, so that the check cannot run yet`);
  }
  context.say("Look it over, then commit it. Others accept it with `loopr trust`.");
}

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
