// npm run bench scale: 1,000 loops that wait and 200 that run, and what Loopr itself costs in an iteration.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { schedule } from "../../src/domain/schedule.ts";
import { Ledger } from "../../src/engine/ledger.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { openStore } from "../../src/store/store.ts";
import { until, withHome, type Home, type Repository } from "../support/harness.ts";
import { median, printComparisons, quantile, type Comparison } from "./compare.ts";
import { settledMemoryMb } from "./programs.ts";
import { Wire } from "./wire.ts";

const pending = 1_000;
const running = 200;
const decisions = 2_000;
const iterations = 25;
const fewIterations = 5;
const createdAtOnce = 8;
const startDeadlineMs = 300_000;
const kilobytesPerMegabyte = 1024;

export async function scaleSuite(): Promise<void> {
  await withHome(async (home) => {
    printComparisons(`${pending.toLocaleString("en")} pending, ${running} running`, await crowd(home));
  });
  await overheadSuite();
}

export async function overheadSuite(): Promise<void> {
  // Git that counts is slower: it has a home and a daemon of its own.
  const rows: Comparison[] = [];
  for (const measure of [overhead, gitProcesses]) {
    await withHome(async (home) => {
      rows.push(await measure(home));
    });
  }
  printComparisons("An iteration, without model, tools and check", rows);
}

/** Loops whose model thinks for ever. */
async function crowd(home: Home): Promise<Comparison[]> {
  const directory = join(home.userHome, ".config", "loopr");
  mkdirSync(directory, { recursive: true });
  const per_type = `per_type: { code: ${running} }`;
  const own = `concurrency: { loops: ${running}, model_calls: ${running}, ${per_type} }\n`;
  writeFileSync(join(directory, "loopr.yml"), own);
  const repository = home.repository({ name: "crowd" });
  const script = join(home.root, "crowd.json");
  writeFileSync(script, JSON.stringify({ entries: [{ turns: [{ text: "Done.", delay_ms: 600_000 }] }] }));
  await home.ok(["daemon", "start"]);
  const pid = home.daemonPid() ?? 0;
  const wire = await Wire.open(home.dir);
  const create = async (count: number) => {
    const options = { script, no_check: true, sandbox: "none", levels: "code" };
    const plan = { description: "wait", project: repository.dir, options };
    for (let made = 0; made < count; made += createdAtOnce)
      await Promise.all(Array.from({ length: createdAtOnce }, () => wire.call("loop.create_plan", plan)));
  };
  const loops = async () => ((await wire.call("status")) as { loops: Record<string, number> }).loops;
  // One run first: what is loaded once belongs to no loop.
  await create(createdAtOnce);
  await until(async () => (await loops())["running"] === createdAtOnce, startDeadlineMs, "the first loops");
  const before = await settledMemoryMb(pid);
  await create(running - createdAtOnce);
  await until(async () => (await loops())["running"] === running, startDeadlineMs, "all loops to run");
  const during = await settledMemoryMb(pid);
  await create(pending);
  const full = await settledMemoryMb(pid);
  wire.close();
  const copied = copyStore(home);
  process.kill(pid, "SIGKILL");
  const took = decisionsMs(copied);
  const perLoop = ((during - before) * kilobytesPerMegabyte) / (running - createdAtOnce);
  return [
    {
      name: "scheduling decision, p99",
      value: quantile(took, 0.99),
      unit: "ms",
      target: { of: "value", most: 1 },
      note: `median ${median(took).toFixed(2)}, n=${took.length}`,
    },
    {
      name: "memory of a running loop",
      value: perLoop,
      unit: "KB",
      target: { of: "value", most: 200 },
      note: `${before.toFixed(0)} MB with ${createdAtOnce}, ${during.toFixed(0)} MB with ${running} running`,
    },
    {
      name: "memory of a pending loop",
      value: ((full - during) * kilobytesPerMegabyte) / pending,
      unit: "KB",
      note: `${full.toFixed(0)} MB in all`,
    },
  ];
}

/** As the daemon holds it at this moment. */
function copyStore(home: Home): string {
  const copy = join(home.root, "copy.db");
  copyFileSync(join(home.dir, "loopr.db"), copy);
  const log = join(home.dir, "loopr.db-wal");
  if (existsSync(log)) copyFileSync(log, `${copy}-wal`);
  return copy;
}

/** What the engine does whenever it is woken, on the records of the crowd. */
function decisionsMs(path: string): number[] {
  const store = openStore(path);
  const ledger = new Ledger(store, systemClock);
  const took: number[] = [];
  for (let n = 0; n < decisions; n++) {
    // Every second time a slot has become free, and the best of the waiting ones is looked for.
    const slots = running + (n % 2);
    const limits = { loops: slots, per_type: { plan: 2, spec: 5, phase: 20, code: slots } };
    const start = performance.now();
    const chosen = schedule(ledger.all(), limits, Date.now());
    took.push(performance.now() - start);
    if (chosen.length !== n % 2) throw new Error(`${chosen.length} loops were chosen for ${n % 2} slots`);
  }
  store.close();
  return took;
}

interface Timed {
  started_at: number;
  ended_at: number | null;
}

/** A run that makes so many iterations and then fails; each has another tree, or it would be stalled. */
async function failingRun(
  home: Home,
  repository: Repository,
  count: number,
  env: Record<string, string> = {},
): Promise<string> {
  const script = join(home.root, `${count}.json`);
  const entries = Array.from({ length: count }, (_, index) => ({
    iteration: index + 1,
    turns: [
      { tools: [{ name: "write_file", input: { path: "work.txt", content: `${index}\n` } }] },
      { text: "Done." },
    ],
  }));
  writeFileSync(script, JSON.stringify({ entries }));
  const args = ["run", "--depth", "code", "--check", "false", "--max-iterations", String(count)];
  const result = await home.loopr([...args, "--sandbox", "none", "--yes", "--json", "overhead"], {
    cwd: repository.dir,
    env: { ...env, LOOPR_SCRIPT: script },
    deadlineMs: startDeadlineMs,
  });
  const { id } = JSON.parse(result.stdout) as { id: string };
  return id;
}

/** By a git on PATH that counts how often it is started: two runs, of which one makes more iterations. */
async function gitProcesses(home: Home): Promise<Comparison> {
  const repository = home.repository({ name: "counted" });
  const log = join(home.root, "started");
  const path = process.env["PATH"] ?? "";
  mkdirSync(join(home.root, "bin"));
  const script = `#!/bin/sh\necho >> '${log}'\nPATH='${path}' exec git "$@"\n`;
  writeFileSync(join(home.root, "bin", "git"), script, { mode: 0o755 });
  const started = async (count: number) => {
    writeFileSync(log, "");
    await failingRun(home, repository, count, { PATH: `${join(home.root, "bin")}:${path}` });
    return readFileSync(log, "utf8").length;
  };
  const few = await started(fewIterations);
  const many = await started(iterations);
  return {
    name: "git processes of an iteration",
    value: (many - few) / (iterations - fewIterations),
    unit: "",
    note: `${few} in a run of ${fewIterations}, ${many} in one of ${iterations}`,
  };
}

async function overhead(home: Home): Promise<Comparison> {
  const id = await failingRun(home, home.repository({ name: "overhead" }), iterations);
  const wire = await Wire.open(home.dir);
  const told = (await wire.call("loop.iterations", { id })) as {
    iterations: Timed[];
    evidence: { stage: string; checks: { duration_ms: number }[] }[];
  };
  const { tools } = (await wire.call("metrics.get")) as {
    tools: Record<string, { count: number; total_ms: number }>;
  };
  wire.close();
  const whole = told.iterations.flatMap(({ started_at: from, ended_at: to }) =>
    to === null ? [] : [to - from],
  );
  const checks = told.evidence
    .filter(({ stage }) => stage === "iteration")
    .map(({ checks }) => checks.reduce((sum, { duration_ms }) => sum + duration_ms, 0));
  const tool = Object.values(tools).reduce((sum, { total_ms }) => sum + total_ms, 0) / whole.length;
  // The first also makes the worktrees and runs the check on the base.
  const own = whole.slice(1).map((took, index) => took - (checks[index + 1] ?? 0) - tool);
  return {
    name: "a file tool, a commit, a check",
    value: median(own),
    unit: "ms",
    target: { of: "value", most: 15 },
    note: `p90 ${quantile(own, 0.9).toFixed(0)}; whole ${median(whole).toFixed(0)}, check ${median(checks).toFixed(0)}, tool ${tool.toFixed(1)}; n=${own.length}`,
  };
}
