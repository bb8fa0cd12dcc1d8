// loopr trust: shows what a project's file makes run, and accepts it as it is.
import { readProjectFile, type ProjectFile } from "../config/project-file.ts";
import { trust as accept, trustState } from "../config/trust.ts";
import { LooprError } from "../lib/errors.ts";
import { plain } from "../lib/plain.ts";
import type { Ask } from "./ask.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { indent, paint, styleOf } from "./format.ts";
import { openProject } from "./project.ts";

export async function trust(context: CliContext): Promise<number> {
  const project = await openProject(context.cwd);
  const file = readProjectFile(project.root);
  if (!file) {
    throw new LooprError("usage", `${project.root} has no .loopr.yml`, "loopr init writes one");
  }
  const state = trustState(project, file);
  const commands = file.trusted.map(({ key, line, value }) => ({ key: key.name, line, value }));
  if (context.json) context.print({ path: file.path, before: state, trusted: true, commands });
  for (const line of trustLines(context, file)) context.say(line);
  if (state === "not_needed") {
    context.say(`${file.path} makes nothing run: it needs no trust.`);
    return exitCodes.done;
  }
  if (state !== "trusted") accept(project, file.text);
  context.say(state === "trusted" ? "It is trusted already." : "It is trusted now, until it changes.");
  return exitCodes.done;
}

/** Shows what an untrusted file would run and asks. True: it is trusted from now on. */
export async function offerTrust(context: CliContext, ask: Ask): Promise<boolean> {
  const project = await openProject(context.cwd);
  const file = readProjectFile(project.root);
  if (!file?.trusted.length) return false;
  for (const line of trustLines(context, file)) context.note(line);
  const choices = [
    { key: "y", label: "yes" },
    { key: "n", label: "no" },
  ] as const;
  if ((await ask.choice("Do you trust it?", [...choices])) !== "y") return false;
  accept(project, file.text); // what was shown, even if the file has changed since
  return true;
}

function trustLines(context: CliContext, file: ProjectFile): string[] {
  if (!file.trusted.length) return [];
  const style = styleOf(context);
  const lines = file.trusted.flatMap(({ key, line, value }) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return [`  ${paint(style, "bold", key.name)} (line ${line})`, indent(plain(text), "    ")];
  });
  return [`${file.path} makes Loopr run, or changes how it runs:`, ...lines];
}
