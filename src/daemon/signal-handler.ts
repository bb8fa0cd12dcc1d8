// loop.signal: one signal to every loop that some selectors mean.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { loopTypes } from "../domain/loop-states.ts";
import { noSuchType, parseSelector, type Term } from "../domain/selector.ts";
import type { Engine } from "../engine/engine.ts";
import type { Git } from "../engine/git-port.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Params, Result } from "../protocol/methods.ts";
import type { Caller } from "./handlers.ts";

interface Needs {
  engine: Engine;
  git: Git;
  credentialsFor(run: Run, caller: Caller): Run["credentials"];
}

export async function signalLoops(
  params: Params<"loop.signal">,
  caller: Caller,
  needs: Needs,
): Promise<Result<"loop.signal">> {
  const { signals, ledger } = needs.engine;
  const hash = params.project ? await projectAround(needs.git, params.project) : null;
  const within = (loop: Loop) => hash === null || ledger.run(loop.root_id).project.hash === hash;
  if (params.may_change && params.signal !== "resume")
    throw new RpcError(rpcCodes.invalidParams, "Invalid 'may_change' parameter: it goes with resume alone", {
      parameter: "may_change",
    });
  const selectors = params.selectors.map(termsOf);
  requireTypes(selectors.flat(), ledger.all().filter(within), ledger);
  const named = signals.named(selectors, within);
  const ids = named.map(({ id }) => id);
  const loops = await signals.send(params.signal, ids, {
    feedback: params.feedback ?? null,
    mayChange: params.may_change ?? [],
    ...(params.signal === "resume" && {
      credentialsFor: (run: Run) => needs.credentialsFor(run, caller),
    }),
  });
  return { signal: params.signal, loops: loops.map(({ id, status }) => ({ id, status })) };
}

function termsOf(selector: string): Term[] {
  const parsed = parseSelector(selector);
  if (parsed.kind === "selector") return parsed.terms;
  throw new RpcError(rpcCodes.invalidParams, parsed.message, { reason: "bad_selector", hint: parsed.hint });
}

/** A type that no run knows is a mistake, and not a selector that happens to mean nothing. */
function requireTypes(
  terms: readonly Term[],
  loops: readonly Loop[],
  ledger: Needs["engine"]["ledger"],
): void {
  const asked = terms.flatMap((term) => (term.by === "type" ? [term.type] : []));
  if (asked.length === 0) return;
  const known = new Set<string>(loopTypes);
  for (const { id, root_id, type_name } of loops) {
    if (type_name !== undefined) known.add(type_name);
    if (id === root_id) for (const name of Object.keys(ledger.run(id).types ?? {})) known.add(name);
  }
  const unknown = asked.find((type) => !known.has(type));
  if (unknown === undefined) return;
  const { message, hint } = noSuchType(unknown, known);
  throw new RpcError(rpcCodes.invalidParams, message, { reason: "bad_selector", hint });
}

/** Null outside of a repository: there is no project to keep to. */
async function projectAround(git: Git, directory: string): Promise<string | null> {
  try {
    return await git.projectOf(directory);
  } catch (error) {
    if (error instanceof LooprError && error.code === "not_a_repository") return null;
    throw error;
  }
}
