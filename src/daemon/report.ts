// report.get: what happened since the last look, which is remembered for each project in the home.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Loop } from "../domain/loop.ts";
import { costSince, Look, reportOf, toldOf, type ReportedRun } from "../domain/report.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { Git } from "../engine/git-port.ts";
import type { Params, Result } from "../protocol/methods.ts";

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
  const looks = projects.map((hash) => lastLook(needs, hash));
  const until = needs.now();
  // Of several projects, the one that was looked at longest ago says how far back it goes.
  const since = params.since ?? Math.min(...looks.map(({ at }) => at), until);
  const costs =
    params.since == null ? Object.fromEntries(looks.flatMap((look) => Object.entries(look.costs))) : {};
  const runs = chosen.map((root) => reported(needs, root, since, costs));
  if (params.since != null) return reportOf(runs, since, until);
  for (const hash of projects) {
    const own = runs.filter(({ id }) => ledger.run(id).project.hash === hash);
    const paid = Object.fromEntries(own.map(({ id }) => [id, ledger.run(id).cost_usd]));
    remember(needs, hash, { at: until, told: toldOf(own), costs: paid });
  }
  const told = Object.fromEntries(looks.flatMap((look) => Object.entries(look.told)));
  return reportOf(runs, since, until, told);
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

function lastLook(needs: Needs, hash: string): Look {
  try {
    return Look.parse(JSON.parse(readFileSync(fileOf(needs, hash), "utf8")));
  } catch {
    return { at: 0, told: {}, costs: {} }; // the first look, or a file that cannot be read: everything is told
  }
}

function remember(needs: Needs, hash: string, look: Look): void {
  const file = fileOf(needs, hash);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(look), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
