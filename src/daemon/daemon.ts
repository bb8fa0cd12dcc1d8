// The daemon's life from "the lock is ours" to "the lock is free": recover, listen, serve, stop.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { dirname } from "node:path";
import { isIdentityAlive, readIdentity } from "../client/identity.ts";
import { stoppedUntidily } from "../client/log-files.ts";
import { deferred } from "../lib/deferred.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { bootId, processStartTime } from "../lib/processes.ts";
import { readSmall } from "../lib/regular-file.ts";
import { build, version } from "../lib/version.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { protocolVersion } from "../protocol/messages.ts";
import { coreMethods } from "./core-methods.ts";
import { pauseAt } from "./debug.ts";
import { identityFiles, type IdentityFiles } from "./identity.ts";
import type { Services, StopMode } from "./ports.ts";
import { Server } from "./server.ts";
import { publishSocket, type PublishedSocket } from "./socket.ts";
import { vacancyAt } from "./socket-place.ts";
import { startWatchdog } from "./watchdog.ts";

/** How long the loops and runners may take to end, by mode. */
const stopDeadlineMs = { graceful: 5_000, now: 1_000 } as const;
/** What a stop that hangs gets on top before the watchdog ends the process. */
const watchdogGraceMs = 1_000;
const selfCheckMs = 5_000;
const selfPingTimeoutMs = 5_000;
/** How often it looks whether it is idle, in that time. */
const idleChecks = 4;

export interface DaemonConfig {
  dataDir: string;
  socketPath: string;
  pidPath: string;
  clientsMax?: number;
  /** So long without a client and without work ends the daemon; null or absent: never. */
  idleExitMs?: number | null;
}

export interface DaemonDependencies {
  services: Services;
  log: Log;
  /** A key that came in: it must not get into any file. */
  onSecret: (secret: string) => void;
  /** Whether the lock still guards this home. Throws where that cannot be seen at the moment. */
  isLockValid: () => boolean;
  /** Makes the log again where somebody removed it: true where it had to. */
  restoreLog: () => boolean;
  onProgress: (text: string) => void;
  /** Clients can be served: what answers to `ping` has been tried. */
  onReady: (identity: DaemonIdentity) => void;
}

export class Daemon {
  readonly #config: DaemonConfig;
  readonly #needs: DaemonDependencies;
  readonly #identity: DaemonIdentity;
  readonly #files: IdentityFiles;
  readonly #server: Server;
  readonly #stopAsked = deferred<void>();
  readonly #stopAtOnce = deferred<void>();
  #socket: PublishedSocket | null = null;
  /** What the last self-check failed by; empty: it went well. */
  #checkFailure = "";
  /** As the first call asked; null: nobody has. */
  #stopMode: StopMode | null = null;

  constructor(config: DaemonConfig, dependencies: DaemonDependencies) {
    this.#config = config;
    this.#needs = dependencies;
    this.#identity = ownIdentity(config.socketPath);
    this.#files = identityFiles(config.dataDir, config.pidPath, this.#identity);
    const { services, log } = dependencies;
    const core = coreMethods({
      identity: this.#identity,
      dataDir: config.dataDir,
      startedAtMs: Date.now(),
      now: Date.now,
      services,
      onSecret: dependencies.onSecret,
      clients: () => this.#server.clients,
      remember: (id, about) => this.#server.remember(id, about),
      stop: (mode) => this.stop(mode, "shutdown request"),
    });
    this.#server = new Server({
      handlers: { ...services.handlers, ...core },
      services,
      log,
      clientsMax: config.clientsMax,
    });
  }

  /** Whether the daemon that wrote this PID file still runs. Says nothing about whether it answers. */
  static isRunning(pidPath: string): boolean {
    const identity = readIdentity(dirname(pidPath));
    return identity !== null && identity.pid === Daemon.getPid(pidPath) && isIdentityAlive(identity);
  }

  /** The PID in the file; null where the file is missing or holds anything else. */
  static getPid(pidPath: string): number | null {
    try {
      const text = readSmall(pidPath).trim();
      const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
      return pid > 0 ? pid : null;
    } catch {
      return null;
    }
  }

  /** Resolves when it has stopped and left nothing behind but the lock, which its owner releases last. */
  async run(): Promise<void> {
    this.#files.write();
    pauseAt("identity-written");
    try {
      if (await this.#start()) await this.#serve();
    } finally {
      await this.#end(this.#stopMode ?? "now");
    }
  }

  /** A first call begins a graceful stop, a second one ends the waiting. Callable at any time. */
  stop(mode: StopMode, why: string): void {
    this.#needs.log.info(`stopping: ${why}`, { mode });
    if (this.#stopMode !== null) this.#stopAtOnce.resolve();
    this.#stopMode ??= mode;
    this.#stopAsked.resolve();
  }

  /** False where a stop came first. */
  async #start(): Promise<boolean> {
    const { services, log, onProgress, onReady } = this.#needs;
    const stopped = this.#stopAsked.promise.then(() => false);
    const recovered = services.recover(onProgress).then(() => true);
    if (!(await Promise.race([recovered, stopped]))) return false;
    pauseAt("recovered");
    await this.#publish();
    pauseAt("listening");
    await pingItself(this.#config.socketPath);
    pauseAt("answering");
    log.info("ready", { pid: this.#identity.pid, socket: this.#config.socketPath, version, build });
    onReady(this.#identity);
    pauseAt("ready");
    services.start();
    return true;
  }

  async #serve(): Promise<void> {
    const check = setInterval(() => void this.#checkItself(), selfCheckMs);
    const idleness = this.#watchIdleness();
    await this.#stopAsked.promise;
    clearInterval(check);
    clearInterval(idleness);
  }

  #watchIdleness(): NodeJS.Timeout | undefined {
    const { idleExitMs } = this.#config;
    if (idleExitMs == null) return undefined;
    let idleSinceMs = Date.now();
    return setInterval(
      () => {
        const now = Date.now();
        if (this.#server.clients > 0 || this.#needs.services.atWork()) idleSinceMs = now;
        if (now - idleSinceMs >= idleExitMs)
          this.stop("graceful", "idle for as long as daemon.idle_exit_minutes says");
      },
      Math.min(idleExitMs / idleChecks, selfCheckMs),
    );
  }

  async #publish(): Promise<void> {
    const { socketPath, dataDir } = this.#config;
    const vacancy = await vacancyAt(socketPath, dataDir, this.#needs.onProgress);
    this.#socket = await publishSocket(socketPath, vacancy, (socket) => this.#server.accept(socket));
  }

  /** Someone cleaned up after us too early: what is missing is put back. A home that is gone ends us. */
  async #checkItself(): Promise<void> {
    const { log, isLockValid, restoreLog } = this.#needs;
    try {
      if (!isLockValid()) {
        this.stop("graceful", "the lock file was replaced");
        return;
      }
      if (restoreLog()) log.warn("the log was removed, or another file put in its place: begun again");
      if (this.#files.repair())
        log.warn("daemon.json or daemon.pid did not say what we wrote: written again");
      if (this.#socket?.repairMode()) log.warn("the socket's mode was changed: 0600 again");
      if (this.#socket?.isPublished() === false) {
        log.warn("the socket was gone: published again");
        this.#socket.close();
        await this.#publish();
        if (this.#stopMode !== null) this.#socket.close(); // Too late: we are on our way down.
      }
      this.#checkFailure = "";
    } catch (error) {
      // Every 5 s the same is no news.
      if (messageOf(error) !== this.#checkFailure) log.error("the self-check failed", { error });
      this.#checkFailure = messageOf(error);
    }
  }

  async #end(asked: StopMode): Promise<void> {
    const { services, log } = this.#needs;
    this.#stopMode ??= asked;
    startWatchdog(stopDeadlineMs[asked] + watchdogGraceMs);
    pauseAt("stop-begun");
    const left = this.#removing(() => this.#socket?.close());
    pauseAt("not-listening");
    this.#server.announceStop();
    const stopped = services.stop(asked).catch((error: unknown) => {
      log.error("stopping the loops failed", { error });
    });
    const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), stopDeadlineMs[asked]));
    if ((await Promise.race([stopped, late, this.#stopAtOnce.promise])) === "late") {
      log.warn("the loops did not stop in time; they are recovered at the next start");
    }
    pauseAt("loops-stopped");
    await this.#server.close();
    pauseAt("disconnected");
    left.push(...this.#removing(() => this.#files.remove()));
    pauseAt("nameless");
    const { nonce } = this.#identity;
    // Known by its nonce, it is not taken for a crash.
    if (left.length > 0) log.error(stoppedUntidily, { nonce, why: left });
    else log.info("stopped");
  }

  /** What stays is no reason not to end in good order. Returns why something has stayed. */
  #removing(remove: () => void): string[] {
    try {
      remove();
      return [];
    } catch (error) {
      return [messageOf(error)];
    }
  }
}

function ownIdentity(socket: string): DaemonIdentity {
  return {
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? "",
    bootId: bootId(),
    version,
    build,
    protocol: protocolVersion,
    nonce: randomBytes(8).toString("hex"),
    socket,
  };
}

/** Ready means answering: the whole way through the socket is tried once. */
function pingItself(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) =>
      reject(new LooprError("socket_unusable", `the daemon's own socket ${path} does not answer: ${why}`));
    const socket = connect(path, () => socket.write('{"id":0,"method":"ping"}\n'));
    socket.setTimeout(selfPingTimeoutMs, () => socket.destroy(new Error("timed out")));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("the connection was closed"));
    socket.once("data", () => {
      resolve();
      socket.destroy();
    });
  });
}
