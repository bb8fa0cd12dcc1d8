// Everything behind the protocol, built once: store, git, runners, models, engine.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../domain/config.ts";
import type { Run } from "../domain/run.ts";
import { Engine } from "../engine/engine.ts";
import type { Model } from "../engine/ports.ts";
import { createGit } from "../git/git.ts";
import { ownAccount } from "../lib/account.ts";
import { systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { ownProgram } from "../lib/self.ts";
import { CallLimiter } from "../llm/limiter.ts";
import { mayHaveOrphans, sweepOrphanJobs } from "../sandbox/orphans.ts";
import { probeSandbox, type SandboxProbe } from "../sandbox/probe.ts";
import { openStore } from "../store/store.ts";
import { resolveCredentials } from "../config/credentials.ts";
import { tickMs } from "./debug.ts";
import { GitSecrets } from "./git-secrets.ts";
import { IdleCollection } from "./idle-collection.ts";
import { secretPlaces } from "./secret-places.ts";
import { Keyring } from "./keyring.ts";
import { Notifier } from "./notifier.ts";
import { drainHandler } from "./drain.ts";
import { loopHandlers } from "./loop-handlers.ts";
import type { EphemeralEvent, Services } from "./ports.ts";
import { Retention } from "./retention.ts";
import { createRunnerHost } from "./runner-host.ts";
import { readSalt } from "./salt.ts";
import { withPassword } from "./stored-config.ts";
import { countingJobs } from "./tool-counts.ts";

/**
 * A client that starts the daemon brings its keys a moment later: that long a run that was interrupted waits
 * for them before it says that it waits.
 */
const credentialsGraceMs = 2_000;

export interface ServiceOptions {
  dataDir: string;
  log: Log;
  /** The person's own settings, for what is the daemon's and not a run's. */
  config: Config;
  /** Started by hand or by a service, not by a client: the daemon's own environment may hold keys. */
  ownKeys: boolean;
  /** The daemon before did not end in good order, and may have left jobs behind. */
  afterCrash: boolean;
}

export function createServices(options: ServiceOptions): Services {
  const { dataDir, log, config, afterCrash } = options;
  const store = openStore(join(dataDir, "loopr.db"), {
    onProblem: (error) => {
      log.warn(error.message);
    },
  });
  const git = createGit();
  const keyring = new Keyring(readSalt(join(dataDir, "salt"), log.warn));
  const keyEnvironment = options.ownKeys ? process.env : {};
  const jobs = createRunnerHost({
    // Asked at each start: the program may have been replaced or deleted on disk since.
    get command() {
      return [...ownProgram(), "runner"];
    },
    dataDir,
    log,
    slots: config.concurrency.lanes,
  });
  const counted = countingJobs(jobs);
  const limiter = new CallLimiter(config.concurrency.model_calls);
  const collection = new IdleCollection();
  const listeners = new Set<(event: EphemeralEvent) => void>();
  const models = new Map<string, Model>();
  const account = ownAccount();
  const places = secretPlaces(process.env, dataDir, account?.home ?? null);
  const gitSecrets = new GitSecrets((run) => places.gitConfigs(run));
  const startedAt = Date.now();
  const graceLeftMs = () => Math.max(0, startedAt + credentialsGraceMs - Date.now());
  let probe: Promise<SandboxProbe> | null = null;

  const keyOf = (run: Run) => {
    const known = keyring.keyOf(run);
    if (known !== null || run.credentials === null) return known;
    // Not brought by a client since the start, but perhaps in a file or in our own environment.
    const own = resolveCredentials(withPassword(run.config, config), null, keyEnvironment);
    if (own !== null) keyring.add(own);
    return keyring.keyOf(run);
  };
  const engine = new Engine({
    store,
    git,
    jobs: counted,
    clock: systemClock,
    log,
    limits: config.concurrency,
    tickMs: tickMs(),
    projectDir: (hash) => join(dataDir, "projects", hash),
    deny: (run) => places.deny(run),
    gitConfigs: (run) => gitSecrets.configsOf(run),
    redact: (run, text) => gitSecrets.redact(run, keyring.redact(text)),
    openSecret: (run, text) => Math.max(keyring.openSecret(text), gitSecrets.openSecret(run, text)),
    emit: (event, data) => {
      collection.touch();
      for (const listener of listeners) listener({ event, data });
    },
    modelOf: async (run, signal) => {
      const key = await keyring.waitFor(
        () => keyOf(run),
        run.credentials === null ? 0 : graceLeftMs(),
        signal,
      );
      if (run.credentials !== null && key === null) return null;
      const name = run.credentials?.fingerprint ?? run.id;
      // Loaded with the first run, not with the daemon, which is up the sooner.
      const { createModel } = await import("../llm/models.ts");
      const cacheKey = `${name}:${run.credentials?.base_url ?? run.config.llm.script ?? ""}`;
      const model =
        models.get(cacheKey) ??
        createModel({
          provider: run.config.llm.provider,
          credentials: key,
          script: run.config.llm.script,
          limiter,
        });
      models.set(cacheKey, model);
      return model;
    },
  });

  const notifier = new Notifier(
    { runOf: (id) => engine.ledger.findRun(id), log },
    engine.ledger.all().filter((loop) => loop.parent_id === null),
  );
  store.onEvents((events) => {
    collection.touch();
    notifier.heard(events);
  });

  const retention = new Retention({
    ledger: engine.ledger,
    store,
    projectDir: (hash) => join(dataDir, "projects", hash),
    limits: config.records,
    now: Date.now,
    log,
  });

  return {
    handlers: {
      "daemon.drain": drainHandler(engine),
      ...loopHandlers({
        engine,
        store,
        git,
        dataDir,
        keyring,
        keyEnvironment,
        settings: config,
        startedAt,
        toolCounts: () => counted.counts(),
        warmUp: () => {
          jobs.start();
        },
        now: Date.now,
        // A sandbox that works goes on working; one that does not may be mended at any time.
        probeSandbox: async () => {
          probe ??= probeSandbox();
          const result = await probe;
          if (!result.ok) probe = null;
          return result;
        },
        credentialsFor: (run, caller) => {
          if (run.credentials === null || keyOf(run) !== null) return run.credentials;
          const settings = withPassword(run.config, config);
          const key = resolveCredentials(settings, caller.credentials, keyEnvironment);
          return key === null ? run.credentials : keyring.add(key);
        },
      }),
    },
    events: store,
    onEphemeral: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    counts: () => {
      const counts: Record<string, number> = {};
      for (const loop of engine.ledger.all()) counts[loop.status] = (counts[loop.status] ?? 0) + 1;
      return counts;
    },
    atWork: () => engine.atWork,
    llmReady: () => keyring.size > 0 || config.llm.provider === "scripted",
    recover: async (progress) => {
      mkdirSync(join(dataDir, "projects"), { recursive: true, mode: 0o700 });
      if (afterCrash || mayHaveOrphans(dataDir)) await sweepOrphanJobs(dataDir);
      const recovered = engine.recover();
      if (recovered > 0) progress(`recovered ${recovered} interrupted loop${recovered === 1 ? "" : "s"}`);
    },
    start: () => {
      engine.start();
      retention.start();
    },
    onClientCredentials: (credentials) => {
      const { api_key = "", base_url = null } = credentials.anthropic ?? {};
      if (!api_key && !base_url) return;
      keyring.add({ provider: "anthropic", api_key, base_url });
      engine.signals.credentialsArrived((run) => keyring.keyOf(run) !== null);
    },
    stop: async () => {
      await retention.stop();
      await engine.stop();
      await jobs.stop();
      notifier.stop();
      collection.end();
      store.close();
    },
  };
}
