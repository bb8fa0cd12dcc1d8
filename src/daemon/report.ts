// report.get: what happened since the last look, which is remembered for each project in the home.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Loop } from "../domain/loop.ts";
import { costSince, Look, reportOf, toldOf, type ReportedRun } from "../domain/report.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { Git } from "../engine/git-port.ts";
import { messageOf, systemCode } from "../lib/errors.ts";
import { readSmall } from "../lib/regular-file.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { costAt, endedAt } from "./run-history.ts";

/** A project with 20,000 runs has a file that large. */
const lookBytesMax = 4 * 1024 * 1024;

interface Needs {
  engine: Engine;
  store: Store;
  git: Git;
  dataDir: string;
  now: () => number;
}

export async function report(params: Params<"report.get">, needs: Needs): Promise<Result<"report.get">> {
  const { ledger } = needs.engine;
  const opened = params.project ? await needs.git.open(params.project) : null;
  const own = opened?.repository.project.hash ?? null;
  const roots = ledger.all().filter((loop) => loop.parent_id === null);
  const hashOf = (root: Loop) => ledger.run(root.id).project.hash;
  const chosen = roots.filter((root) => own === null || hashOf(root) === own);
  const projects = own === null ? [...new Set(chosen.map(hashOf))] : [own];
  const warnings: string[] = [];
  const looks = projects.map((hash) => lastLook(needs, hash, warnings));
  const until = needs.now();
  // Of several projects, the one that was looked at longest ago says how far back it goes.
  const since = params.since ?? Math.min(...looks.map(({ at }) => at), until);
  if (params.since != null) {
    const runs = chosen.map((root) => reportedSince(needs, root, since, warnings));
    return { ...reportOf(runs, since, until), ...(warnings.length > 0 && { warnings }) };
  }
  const costs = Object.fromEntries(looks.flatMap((look) => Object.entries(look.costs)));
  const runs = chosen.map((root) => reported(needs, root, since, costs));
  for (const hash of projects) {
    const own = runs.filter(({ id }) => ledger.run(id).project.hash === hash);
    const paid = Object.fromEntries(own.map(({ id }) => [id, ledger.run(id).cost_usd]));
    remember(needs, hash, { at: until, told: toldOf(own), costs: paid });
  }
  const told = Object.fromEntries(looks.flatMap((look) => Object.entries(look.told)));
  return { ...reportOf(runs, since, until, told), ...(warnings.length > 0 && { warnings }) };
}

/** Since a moment that nobody has noted: what the events say of then. */
function reportedSince(needs: Needs, root: Loop, since: number, warnings: string[]): ReportedRun {
  const { ledger } = needs.engine;
  const loops = ledger.loopsOf(root.id);
  const isTouched = loops.some(({ updated_at }) => updated_at > since);
  // All of it is either before or after: there is nothing to be split.
  if (!isTouched || root.created_at > since) return reported(needs, root, since, {});
  const events = needs.store.events(0, { loop_id: root.id, evenAfterGap: true }) ?? [];
  const cost = costAt(loops, events, since);
  if (cost === null) {
    const when = "the events of that time are gone, and what an iteration cost counts at its end";
    warnings.push(`the cost of ${root.id} since then is not exact: ${when}`);
  }
  const run = reported(needs, root, since, cost === null ? {} : { [root.id]: cost });
  const ended = ["merged", "failed", "stalled", "cancelled"].includes(root.run_state ?? "");
  return { ...run, updated_at: (ended ? endedAt(root, events) : null) ?? run.updated_at };
}

function reported(
  { engine, store }: Needs,
  root: Loop,
  since: number,
  costsThen: Look["costs"],
): ReportedRun {
  const { ledger } = engine;
  const run = ledger.run(root.id);
  const loops = ledger.loopsOf(root.id);
  const iterations = loops.flatMap(({ id }) => store.iterations(id));
  const held = loops.find(({ status, failure }) => failure !== null && status === root.run_state);
  const unread = new Set(loops.flatMap(({ id }) => store.evidence(id)).flatMap((one) => one.unread ?? []));
  const ended = ["merged", "verified"].includes(root.run_state ?? "");
  return {
    id: root.id,
    title: root.title,
    project: root.project,
    run_state: root.run_state,
    branch: root.branch,
    target: run.target_branch,
    commit: run.merged_commit,
    undone_commit: root.undone_commit ?? null,
    waiting_for: root.waiting_for ?? (ended ? null : (held?.waiting_for ?? null)),
    failure: root.failure ?? (ended ? null : (held?.failure ?? null)),
    updated_at: Math.max(...loops.map(({ updated_at }) => updated_at)),
    ...(unread.size > 0 && { unread: [...unread].sort() }),
    cost_usd: costSince(run, iterations, since, costsThen),
  };
}

function fileOf({ dataDir }: Needs, hash: string): string {
  return join(dataDir, "projects", hash, "last-look.json");
}

/** What cannot be read is as if nobody had looked yet: everything is told, and why. */
function lastLook(needs: Needs, hash: string, warnings: string[]): Look {
  const file = fileOf(needs, hash);
  try {
    return Look.parse(JSON.parse(readSmall(file, lookBytesMax)));
  } catch (error) {
    if (systemCode(error) !== "ENOENT") {
      const why = systemCode(error) === "" ? "it is damaged" : messageOf(error);
      warnings.push(
        `when you looked last is not known, and everything is told: ${file} cannot be used: ${why}`,
      );
    }
    return { at: 0, told: {}, costs: {} };
  }
}

function remember(needs: Needs, hash: string, look: Look): void {
  const file = fileOf(needs, hash);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(look), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
