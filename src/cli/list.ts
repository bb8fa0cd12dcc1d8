// loopr list: the loops of this project, or of all, as a tree.
import { loopStatuses, loopTypes, runStates } from "../domain/loop-states.ts";
import type { Loop } from "../domain/loop.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { shownState, styleOf } from "./format.ts";
import { usage } from "./usage.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { loopsHere, shortener } from "./resolve.ts";
import { withSession } from "./session.ts";
import { costWithDescendants, treeLines } from "./tree.ts";

export async function list(
  context: CliContext,
  _args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const matches = filterOf(typed);
  return withSession(context, ports, {}, async ({ client }) => {
    // Ids are shortened among all loops, whichever of them are shown.
    const everything = client.call("loop.list", {}).then(({ loops: all }) => all);
    const here = typed["allProjects"] === true ? Promise.resolve(null) : loopsHere(client, context.cwd);
    const [all, ofProject] = await Promise.all([everything, here]);
    const loops = ofProject ?? all;
    await requireType(typed["type"], all, context);
    const found = loops.filter(matches);
    if (context.json) {
      context.print({ loops: found });
    } else if (found.length === 0) {
      context.say(emptyText(ofProject !== null, loops.length > 0));
    } else {
      const chosen = new Set(found.map(({ id }) => id));
      const lines = treeLines(withAncestors(found, loops), {
        style: styleOf(context, ports.env),
        short: shortener(all),
        nowMs: ports.now(),
        costOf: (loop) => costWithDescendants(loop, loops),
        isContext: ({ id }) => !chosen.has(id),
      });
      for (const line of lines) context.say(line);
    }
    return exitCodes.done;
  });
}

/** A status is the loop's own or, on a root, its run's. */
function filterOf(typed: Record<string, unknown>): (loop: Loop) => boolean {
  const status = typed["status"];
  const type = typed["type"];
  const states = [...new Set<string>([...loopStatuses, ...runStates])];
  if (typeof status === "string" && !states.includes(status)) {
    throw usage(`there is no status '${status}'`, `one of ${states.join(", ")}`);
  }
  return (loop) =>
    (status === undefined || loop.status === status || shownState(loop) === status) &&
    (type === undefined || loop.loop_type === type || loop.type_name === type);
}

/** Throws `usage` for a word that is no type: neither built in, nor of any loop, nor defined here. */
async function requireType(type: unknown, all: readonly Loop[], context: CliContext): Promise<void> {
  const known = new Set<string>([...loopTypes, ...all.flatMap(({ type_name }) => type_name ?? [])]);
  if (typeof type !== "string" || known.has(type)) return;
  // Reading the configuration takes a while: only for a type that no loop has had.
  const { typesHere } = await import("./types-here.ts");
  for (const name of Object.keys((await typesHere(context)).types)) known.add(name);
  if (known.has(type)) return;
  throw usage(`there is no type '${type}'`, `one of ${[...known].join(", ")}`);
}

function withAncestors(found: readonly Loop[], loops: readonly Loop[]): Loop[] {
  const byId = new Map(loops.map((loop) => [loop.id, loop]));
  const kept = new Map<string, Loop>();
  for (const loop of found) {
    for (let at: Loop | undefined = loop; at && !kept.has(at.id); at = byId.get(at.parent_id ?? "")) {
      kept.set(at.id, at);
    }
  }
  return [...kept.values()];
}

function emptyText(ofProject: boolean, filtered: boolean): string {
  if (filtered) return "No loop matches.";
  const where = ofProject ? " in this project" : "";
  return `No loops${where} yet. Start one: loopr run "add a --verbose option"`;
}
