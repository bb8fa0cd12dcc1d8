// loopr edit: the plan that waits at the gate, changed by a person and stored as a new version.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { LooprError, messageOf } from "../lib/errors.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { editPlan, invalidPlan, readPlan, storePlan, type PlanText } from "./edit-plan.ts";
import { editorOnTerminal } from "./editor.ts";
import { styleOf, titleOf } from "./format.ts";
import { parsePlanFile } from "./plan-file.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop } from "./resolve.ts";
import { withSession, type Session } from "./session.ts";
import { usage } from "./usage.ts";

export async function edit(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const file = typeof typed["file"] === "string" ? typed["file"] : null;
  const prints = typed["print"] === true;
  if (file !== null && prints) throw usage("--file and --print are both given", "give one of them");
  return withSession(context, ports, { reconnect: true }, async (session) => {
    const { client } = session;
    const { loop, short } = await resolveLoop(client, args[0] ?? "", styleOf(context, ports.env), context);
    const id = short(loop.id);
    const original = await readPlan(client, loop.id, id);
    if (prints) {
      context.say(original.text.trimEnd());
      if (context.json) context.print(original);
      return exitCodes.done;
    }
    const version =
      file === null
        ? await inEditor(context, ports, session, original, id)
        : await fromFile(context, session, original, file);
    const changed = version !== null && version !== original.version;
    if (context.json) {
      context.print({ id: loop.id, edited: changed, version: version ?? original.version });
    } else if (changed) {
      context.say(`Stored version ${version} of the plan ${id} "${titleOf(loop)}"`);
      context.say(`  next: loopr approve ${id}`);
    } else {
      context.say(`Nothing was changed: the plan is still version ${original.version}`);
    }
    return exitCodes.done;
  });
}

async function inEditor(
  context: CliContext,
  ports: CliPorts,
  session: Session,
  original: PlanText,
  id: string,
): Promise<number | null> {
  const hint = `loopr edit ${id} --print > plan.yml, change it, then loopr edit ${id} --file plan.yml (or - for stdin)`;
  if (context.json) throw usage("--json needs --file", hint);
  const needy = context.interactive ? null : editorOnTerminal(ports.env);
  if (needy !== null)
    throw usage(
      `the editor \`${needy}\` needs a terminal, and there is none`,
      `${hint}; or set EDITOR to a program that needs no terminal`,
    );
  return editPlan(session.client, original, id, (file) => session.undisturbed(() => ports.edit(file)));
}

async function fromFile(
  context: CliContext,
  { client }: Session,
  original: PlanText,
  file: string,
): Promise<number | null> {
  const parsed = parsePlanFile(await contentOf(context, file));
  if (parsed.kind === "problems") throw invalidPlan(file === "-" ? "the input" : file, parsed.problems);
  return parsed.kind === "empty" ? null : storePlan(client, original, parsed.plan);
}

async function contentOf(context: CliContext, file: string): Promise<string> {
  if (file === "-") return readInput();
  try {
    return readFileSync(resolve(context.cwd, file), "utf8");
  } catch (error) {
    throw new LooprError(
      "usage",
      `the plan cannot be read: ${messageOf(error)}`,
      "give --file the path of a text file, or -",
      { cause: error },
    );
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}
