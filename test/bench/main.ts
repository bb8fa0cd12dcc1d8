// npm run bench [daemon|scale|iteration]: what Loopr costs, beside what other programs cost in the same run on the same machine.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { withHome, type Home } from "../support/harness.ts";
import { daemonSuite } from "./daemon.ts";
import { iterationOverhead } from "./iteration.ts";
import { print, row, samplesOf, timed, type Row } from "./measure.ts";
import { settledMemoryMb, startTime, tmux } from "./programs.ts";
import { firstFrameMs } from "./terminal.ts";
import { overheadSuite, scaleSuite } from "./scale.ts";
import { Wire } from "./wire.ts";

const build = join(import.meta.dir, "..", "..", "scripts", "build.mjs");
if (spawnSync("node", [build, "--if-stale"], { stdio: "inherit" }).status !== 0) process.exit(1);

const coldSamples = 10;
const warmSamples = 30;
const pings = 2_000;
const present = (rows: (Row | null | undefined)[]) => rows.filter((found) => found != null);

const suites: Record<string, () => Promise<void>> = {
  overview,
  daemon: daemonSuite,
  scale: scaleSuite,
  iteration: overheadSuite,
};
const [name = "overview"] = process.argv.slice(2);
const suite = suites[name];
if (!suite) {
  console.error(`error: there is no suite ${name}\n  hint: one of ${Object.keys(suites).join(", ")}`);
  process.exit(2);
}
await suite();

async function overview(): Promise<void> {
  await withHome(measureAll);
}

async function measureAll(home: Home): Promise<void> {
  const node = await startTime(home, "node -e 0", ["node", "-e", "0"]);
  const bwrap = await startTime(home, "bwrap true", [
    "bwrap",
    "--ro-bind",
    "/",
    "/",
    "--unshare-all",
    "true",
  ]);
  const other = await tmux(home);

  print("Cold: no daemon, until a command is answered", present([await cold(), other?.cold, node]), node);

  await home.ok(["list"]);
  const memory = row("daemon, idle", [await settledMemoryMb(home.daemonPid() ?? 0)], {
    unit: "MB",
    target: 60,
  });
  print("Memory", present([memory, other?.memory]), other?.memory ?? null);
  const list = await samplesOf(warmSamples, () => timed(() => home.ok(["list"])));
  const version = await samplesOf(warmSamples, () => timed(() => home.ok(["--version"])));
  const warm = [row("loopr list", list, { target: 20 }), row("loopr --version", version)];
  print("Warm: a command with the daemon running", present([...warm, other?.warm, node]), node);
  print("Protocol", [await ping(home)], null);
  print("Terminal interface, first frame", await frames(home), node);
  const overhead = [await iterationOverhead(home, "none"), bwrap && (await iterationOverhead(home, "auto"))];
  print("Iteration with a model that answers at once", present([...overhead, bwrap]), bwrap);
}

async function cold(): Promise<Row> {
  const samples = await samplesOf(coldSamples, async () => {
    let took = Number.NaN;
    await withHome(async (fresh) => {
      took = await timed(() => fresh.ok(["list"]));
    });
    return took;
  });
  return row("loopr list", samples, { target: 100 });
}

async function ping(home: Home): Promise<Row> {
  const wire = await Wire.open(home.dir);
  const samples = await samplesOf(pings, async () => 1000 * (await timed(() => wire.call("ping"))));
  wire.close();
  return row("ping round trip", samples, { unit: "µs" });
}

async function frames(home: Home): Promise<Row[]> {
  const warm = await samplesOf(coldSamples, () => firstFrameMs(home));
  const withoutDaemon = await samplesOf(coldSamples, async () => {
    let took = Number.NaN;
    await withHome(async (fresh) => {
      took = await firstFrameMs(fresh);
    });
    return took;
  });
  return [row("daemon running", warm, { target: 200 }), row("no daemon", withoutDaemon, { target: 200 })];
}
