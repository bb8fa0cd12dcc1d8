// npm run bench daemon: the daemon beside a bare server and beside programs of the same shape, in one run.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withHome, type Home } from "../support/harness.ts";
import { startBareServer, type BareServer } from "./bare-server.ts";
import { median, printComparisons, quantile, type Comparison } from "./compare.ts";
import { listeners, open, pipelinedPerSecond, roundTripsUs } from "./load.ts";
import { samplesOf, timed } from "./measure.ts";
import { rivals, type Rival } from "./rivals.ts";
import { memoryMb, pinned } from "./programs.ts";
import { Wire } from "./wire.ts";

const coldSamples = 15;
const warmSamples = 40;
const herdSamples = 3;
const herdSize = 50;
/** Blocks of the daemon and of the bare server take turns, so that a busy machine is busy for both. */
const blocks = 10;
const pingsInBlock = 2_000;
const pipelinedInBlock = 100_000;
const subscribers = 100;
const eventSamples = 20;
/** What else a change brings about has been sent by then. */
const eventPauseMs = 100;
const restMs = 30_000;
const idleMs = 30_000;
const memoryPings = 1_000_000;
const memoryPauseMs = 300;

export async function daemonSuite(): Promise<void> {
  await withHome(async (home) => {
    const bare = await startBareServer(home);
    try {
      const others = await rivals(home);
      printComparisons("Start", await starts(home, others));
      await home.ok(["list"]);
      printComparisons("Warm command", await commands(home, bare, others));
      printComparisons("Requests on an open connection", await requests(home, bare));
      printComparisons("Memory", await memory(home, bare, others));
      printComparisons("At rest", await atRest(home, bare, others));
      printComparisons("Events", [await fanOut(home, bare)]);
      for (const other of others) await other.stop();
    } finally {
      await bare.stop();
    }
  });
}

async function starts(home: Home, others: Rival[]): Promise<Comparison[]> {
  const cold = (args: string[]) =>
    samplesOf(coldSamples, async () => {
      let took = Number.NaN;
      await withHome(async (fresh) => {
        took = await timed(() => fresh.ok(args));
      });
      return took;
    });
  const [started, listed] = [await cold(["daemon", "start"]), await cold(["list"])];
  const again = await samplesOf(coldSamples, async () => {
    const took = await timed(() => home.ok(["daemon", "start"]));
    await home.ok(["daemon", "stop"]);
    return took;
  });
  const herds = await samplesOf(herdSamples, herd);
  const crowd = await samplesOf(herdSamples, () => timed(() => atOnce(() => home.ok(["--version"]))));
  const target = { of: "value", most: 60 } as const;
  return [
    { name: "loopr daemon start", value: median(again), unit: "ms", target, note: spread(again) },
    { name: "the first in a new home", value: median(started), unit: "ms", target, note: spread(started) },
    { name: "loopr list, the first in a new home", value: median(listed), unit: "ms", note: spread(listed) },
    ...others.map(({ name, cold }) => ({ name, value: median(cold), unit: "ms", note: spread(cold) })),
    {
      name: `${herdSize} × loopr list at once`,
      value: median(herds),
      unit: "ms",
      yardstick: { name: `${herdSize} × loopr --version at once`, value: median(crowd) },
      target: { of: "value", most: 3_000 },
      note: spread(herds),
    },
  ];
}

/** Over what a daemon that was killed leaves behind. All must succeed, by one daemon. */
async function herd(): Promise<number> {
  let took = Number.NaN;
  await withHome(async (home) => {
    await home.ok(["daemon", "start"]);
    process.kill(home.daemonPid() ?? 0, "SIGKILL");
    writeFileSync(join(home.dir, "daemon.pid"), "4194303\n");
    took = await timed(() => atOnce(() => home.ok(["list"])));
  });
  return took;
}

function atOnce(work: () => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: herdSize }, work));
}

async function commands(home: Home, bare: BareServer, others: Rival[]): Promise<Comparison[]> {
  const cwd = home.repository().dir;
  const of = (args: string[]) => samplesOf(warmSamples, () => timed(() => home.ok(args, { cwd })));
  const least = await samplesOf(warmSamples, () => timed(() => home.exec(bare.program, [], { cwd })));
  const yardstick = { name: "bare executable that ends at once", value: median(least) };
  const row = async (args: string[], target?: Comparison["target"]): Promise<Comparison> => {
    const took = await of(args);
    const name = `loopr ${args.join(" ")}`;
    return {
      name,
      value: median(took),
      unit: "ms",
      yardstick,
      note: spread(took),
      ...(target ? { target } : {}),
    };
  };
  const target = { of: "value", most: 12 } as const;
  return [
    await row(["list"], target),
    await row(["daemon", "status"], target),
    await row(["--version"]),
    ...others.map(({ name, warm }) => ({ name, value: median(warm), unit: "ms", note: spread(warm) })),
  ];
}

async function requests(home: Home, bare: BareServer): Promise<Comparison[]> {
  const socket = socketOf(home);
  const everyone = [process.pid, bare.pid, home.daemonPid() ?? 0];
  let together = true;
  const trips = { loopr: [] as number[], bare: [] as number[] };
  const rates = { loopr: [] as number[], bare: [] as number[] };
  for (let block = -1; block < blocks; block++) {
    together = pinned(everyone, 0) && together;
    const sampled = {
      loopr: await roundTripsUs(socket, pingsInBlock),
      bare: await roundTripsUs(bare.socket, pingsInBlock),
    };
    pinned(everyone, null);
    const sample = {
      ...sampled,
      looprRate: await pipelinedPerSecond(socket, pipelinedInBlock),
      bareRate: await pipelinedPerSecond(bare.socket, pipelinedInBlock),
    };
    if (block < 0) continue; // both have warmed up
    trips.loopr.push(...sample.loopr);
    trips.bare.push(...sample.bare);
    rates.loopr.push(sample.looprRate);
    rates.bare.push(sample.bareRate);
  }
  const trip = (q: number): Comparison => ({
    name: `ping round trip, p${q * 100}`,
    value: quantile(trips.loopr, q),
    unit: "µs",
    yardstick: { name: "bare", value: quantile(trips.bare, q) },
    note: together ? "client and servers on one processor" : "",
    ...(q === 0.5 ? { target: { of: "ratio", most: 1.3 } } : {}),
  });
  return [
    trip(0.5),
    trip(0.99),
    {
      name: "pipelined pings",
      value: median(rates.loopr),
      unit: "/s",
      yardstick: { name: "bare", value: median(rates.bare) },
      target: { of: "ratio", least: 0.3 },
    },
  ];
}

async function atRest(home: Home, bare: BareServer, others: Rival[]): Promise<Comparison[]> {
  const daemon = home.daemonPid() ?? 0;
  const watched = [
    { name: "loopr daemon", pids: [daemon] },
    { name: "loopr daemon and its runner", pids: [daemon, ...childrenOf(daemon)] },
    { name: "bare server", pids: [bare.pid] },
    ...others.map(({ name, serverPid }) => ({ name: `${name}'s server`, pids: [serverPid] })),
  ];
  await sleep(restMs); // what came before has to be cleared away first
  const before = watched.map(({ pids }) => cpuMs(pids));
  const start = performance.now();
  await sleep(idleMs);
  const elapsedMs = performance.now() - start;
  return watched.map(({ name, pids }, index) => ({
    name: `${name}, CPU over ${idleMs / 1000} s`,
    value: (100 * (cpuMs(pids) - (before[index] ?? 0))) / elapsedMs,
    unit: "%",
    ...(index === 0 ? { target: { of: "value", most: 0.1 } } : {}),
  }));
}

/**
 * How much memory a server holds changes by some 10 MB with where its garbage collector stands: medians of
 * several looks are compared.
 */
async function memory(home: Home, bare: BareServer, others: Rival[]): Promise<Comparison[]> {
  const held = async (path: string, pid: number) => {
    const looks: number[] = [];
    for (let sent = 0; sent < memoryPings; sent += pipelinedInBlock / 2) {
      await pipelinedPerSecond(path, pipelinedInBlock / 2);
      await sleep(memoryPauseMs);
      looks.push(memoryMb(pid));
    }
    const quarter = looks.length / 4;
    return { before: median(looks.slice(0, quarter)), after: median(looks.slice(-quarter)) };
  };
  const loopr = await held(socketOf(home), home.daemonPid() ?? 0);
  const yardstick = await held(bare.socket, bare.pid);
  const during = `while ${memoryPings.toLocaleString("en")} pings are answered`;
  return [
    { name: `loopr daemon, ${during}`, value: loopr.after, unit: "MB" },
    {
      name: "and more than at their start",
      value: loopr.after - loopr.before,
      unit: "MB",
      target: { of: "value", most: 10 },
    },
    { name: "bare server, the same", value: yardstick.after, unit: "MB" },
    { name: "and more than at their start", value: yardstick.after - yardstick.before, unit: "MB" },
    ...others.map(({ name, serverPid }) => ({
      name: `${name}'s server`,
      value: memoryMb(serverPid),
      unit: "MB",
    })),
  ];
}

/** From the first to the last of the subscribers; what comes before the first is the engine's and the store's. */
async function fanOut(home: Home, bare: BareServer): Promise<Comparison> {
  const repository = home.repository({ name: "events" });
  const script = join(home.root, "events.json");
  writeFileSync(script, JSON.stringify({ entries: [{ turns: [{ text: "Done.", delay_ms: 600_000 }] }] }));
  const wire = await Wire.open(home.dir);
  const options = { script, check: "true", sandbox: "none", levels: "code" };
  const plan = { description: "wait", project: repository.dir, options };
  const { id } = (await wire.call("loop.create_plan", plan)) as { id: string };
  const subscribe = '{"id":1,"method":"subscribe"}\n';
  const loopr = await listeners(socketOf(home), subscribers, subscribe, '"loop.updated"');
  const others = await listeners(bare.socket, subscribers, "", '"all"');
  const trigger = await open(bare.socket);
  const took = { loopr: [] as number[], bare: [] as number[] };
  for (let sample = 0; sample < eventSamples; sample++) {
    const method = sample % 2 === 0 ? "loop.pause" : "loop.resume";
    took.loopr.push(await loopr.spreadMs(() => wire.call(method, { id })));
    await sleep(eventPauseMs);
    took.bare.push(await others.spreadMs(async () => trigger.write('{"to_all":true}\n')));
  }
  for (const each of [loopr, others, wire]) each.close();
  trigger.destroy();
  await home.ok(["delete", id, "--yes"], { cwd: repository.dir }).catch(() => {});
  return {
    name: `one event, from the first to the last of ${subscribers} subscribers`,
    value: median(took.loopr),
    unit: "ms",
    yardstick: { name: "bare", value: median(took.bare) },
    note: spread(took.loopr),
  };
}

function socketOf(home: Home): string {
  return (JSON.parse(readFileSync(join(home.dir, "daemon.json"), "utf8")) as { socket: string }).socket;
}

function spread(samples: readonly number[]): string {
  return `p90 ${quantile(samples, 0.9).toFixed(1)}, n=${samples.length}`;
}

function childrenOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim(),
  );
  return children.flatMap((list) => (list === "" ? [] : list.split(" ").map(Number)));
}

/** Time on a processor, threads that have ended included. The kernel counts it in ticks of 10 ms. */
function cpuMs(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, count) => sum + count, 0) * tickMs;
}

const tickMs = 10;
