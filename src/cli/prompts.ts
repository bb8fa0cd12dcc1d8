// loopr prompts: which templates of prompts count here, and the built-in ones to start from.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { builtInPrompts } from "../domain/built-in-prompts.ts";
import { loopTypes } from "../domain/loop-states.ts";
import type { LoopType } from "../domain/loop.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { userConfigPath } from "../lib/paths.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { typesHere } from "./types-here.ts";
import { usage } from "./usage.ts";

type Typed = Record<string, unknown>;

/** Writes the built-in templates, or those that are named. What is there already stays, unless forced. */
export function promptsExport(context: CliContext, args: string[], typed: Typed): Promise<number> {
  const types = args.length === 0 ? [...loopTypes] : args.map(knownType);
  const directory = directoryOf(context, typed);
  const files = types.map((type) => ({ type, path: join(directory, `${type}.md`) }));
  const there = files.filter(({ path }) => existsSync(path));
  if (there.length > 0 && typed["force"] !== true) {
    throw usage(
      `${there.map(({ path }) => path).join(", ")} ${there.length === 1 ? "exists" : "exist"} already; nothing was written`,
      "--force replaces what is there; --dir DIR writes elsewhere",
    );
  }
  try {
    mkdirSync(directory, { recursive: true });
    for (const { type, path } of files) writeFileSync(path, builtInPrompts[type]);
  } catch (error) {
    throw new LooprError(
      "usage",
      `${directory} cannot be written: ${messageOf(error)}`,
      "--dir DIR writes elsewhere",
      { cause: error },
    );
  }
  if (context.json) context.print({ written: files.map(({ path }) => path) });
  for (const { path } of files) context.say(`wrote ${path}`);
  return Promise.resolve(exitCodes.done);
}

/** Every type of loop that there is here, with the template that counts for it. */
export async function promptsList(context: CliContext): Promise<number> {
  const { types, warnings } = await typesHere(context);
  const rows = Object.values(types).map(({ name, loop_type, prompt, description }) => ({
    type: name,
    loop_type,
    source: prompt.source,
    description,
  }));
  if (context.json) context.print({ prompts: rows, warnings });
  for (const warning of warnings) context.note(`warning: ${warning}`);
  const width = Math.max(...rows.map(({ type }) => type.length));
  for (const { type, loop_type, source } of rows) {
    const variant = type === loop_type ? "" : ` (${loop_type})`;
    context.say(`${`${type}${variant}`.padEnd(width + 8)}  ${source}`);
  }
  return exitCodes.done;
}

function knownType(name: string): LoopType {
  const type = loopTypes.find((known) => known === name);
  if (type) return type;
  throw usage(
    `${name} is no built-in type`,
    `there are ${loopTypes.join(", ")}; a type of your own takes the template of what it extends`,
  );
}

/** Beside the person's own configuration, where nothing else is said. */
function directoryOf(context: CliContext, typed: Typed): string {
  if (typeof typed["dir"] === "string") return resolve(context.cwd, typed["dir"]);
  const own = userConfigPath(process.env);
  if (own !== null) return join(dirname(own), "prompts");
  throw usage("there is no home directory to write to", "--dir DIR says where");
}
