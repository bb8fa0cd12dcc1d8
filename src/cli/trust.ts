// loopr trust: shows what a project's file makes run, and accepts it as it is.
import { readProjectFile, type ProjectFile } from "../config/project-file.ts";
import { trust as accept, trustState } from "../config/trust.ts";
import { typesToTrust, type TrustSource } from "../config/type-trust.ts";
import { LooprError } from "../lib/errors.ts";
import { plain } from "../lib/plain.ts";
import type { Ask } from "./ask.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { indent, paint, styleOf } from "./format.ts";
import { openProject } from "./project.ts";

export async function trust(context: CliContext): Promise<number> {
  const sources = await trustSources(context);
  const [first] = sources;
  if (!first) {
    const { root } = await openProject(context.cwd);
    throw new LooprError(
      "usage",
      `${root} has no .loopr.yml, and no types of loops in .loopr/loops`,
      "loopr init writes a .loopr.yml",
    );
  }
  const states = sources.map(({ project, file }) => trustState(project, file));
  const before = states.find((state) => state !== "trusted" && state !== "not_needed") ?? states[0];
  const commands = sources.flatMap(({ file }) =>
    file.trusted.map(({ key, line, value }) => ({ key: key.name, line, value })),
  );
  if (context.json) context.print({ path: first.file.path, before, trusted: true, commands });
  for (const [at, { project, file }] of sources.entries()) {
    for (const line of trustLines(context, file)) context.say(line);
    if (states[at] === "not_needed") {
      context.say(`${file.path} makes nothing run: it needs no trust.`);
      continue;
    }
    if (states[at] !== "trusted") accept(project, file.text);
    const what = sources.length === 1 ? "It" : file.path;
    context.say(`${what} is trusted ${states[at] === "trusted" ? "already" : "now, until it changes"}.`);
  }
  return exitCodes.done;
}

/** What of this project has to be accepted before it counts: its configuration, and its types of loops. */
async function trustSources(context: CliContext): Promise<TrustSource[]> {
  const project = await openProject(context.cwd);
  const file = readProjectFile(project.root);
  const types = typesToTrust(project, project.root);
  return [...(file ? [{ project, file }] : []), ...(types ? [types] : [])];
}

/** Shows what an untrusted file would run and asks. True: it is trusted from now on. */
export async function offerTrust(context: CliContext, ask: Ask): Promise<boolean> {
  const sources = (await trustSources(context)).filter(({ project, file }) => {
    return ["changed", "unknown"].includes(trustState(project, file));
  });
  if (sources.length === 0) return false;
  for (const { file } of sources) for (const line of trustLines(context, file)) context.note(line);
  const choices = [
    { key: "y", label: "yes" },
    { key: "n", label: "no" },
  ] as const;
  if ((await ask.choice("Do you trust it?", [...choices])) !== "y") return false;
  for (const { project, file } of sources) accept(project, file.text); // what was shown, even if it has changed since
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
