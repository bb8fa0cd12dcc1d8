// The daemon's side of its runners: jobs in, outcomes out, whatever becomes of the processes between.
import { resolve } from "node:path";
import { defaultConfig } from "../domain/config.ts";
import type { Jobs } from "../engine/ports.ts";
import type { Log } from "../lib/log.ts";
import { lanes, type Lane } from "../tools/catalog.ts";
import { RunnerLane, type LaneTimes } from "./runner-lane.ts";

const timesDefault: LaneTimes = {
  handshakeMs: 10_000,
  heartbeatMs: 5_000,
  waitMs: 60_000,
  backoffMs: 100,
  backoffMsMax: 10_000,
  cancelMs: 15_000,
  stopMs: 5_000,
};

export interface RunnerHostOptions {
  /** How to start a runner, such as `loopr runner`; its lane is added. Read at each start. */
  command: readonly string[];
  /** The home of Loopr: what its jobs are marked with. */
  dataDir: string;
  log: Log;
  /** Jobs at once, by lane. */
  slots?: Partial<Readonly<Record<Lane, number>>>;
  times?: Partial<LaneTimes>;
  /** A runner has been started in place of one that died. */
  onRecovered?: (lane: Lane) => void;
}

export interface RunnerHost extends Jobs {
  /** Starts the runner that nearly every loop needs first. The others come with their first job. */
  start(): void;
  /** Ends all jobs, then the runners. Nothing of them is left when it settles. */
  stop(): Promise<void>;
}

export function createRunnerHost(options: RunnerHostOptions): RunnerHost {
  const lane = (name: Lane): RunnerLane =>
    new RunnerLane({
      get command() {
        return options.command;
      },
      lane: name,
      slots: options.slots?.[name] ?? defaultConfig.concurrency.lanes[name],
      dataDir: resolve(options.dataDir),
      log: options.log,
      times: { ...timesDefault, ...options.times },
      onRecovered: options.onRecovered ?? (() => {}),
    });
  const byName = { "no-net": lane("no-net"), net: lane("net"), heavy: lane("heavy") };
  return {
    run: (job, signal, onOutput) => byName[job.lane].run(job, signal, onOutput ?? (() => {})),
    start: () => byName["no-net"].start(),
    stop: async () => {
      await Promise.all(lanes.map((name) => byName[name].stop()));
    },
  };
}
