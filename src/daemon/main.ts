// The composition root of the daemon: home, lock, log, services, and the Daemon that runs them.
import { join } from "node:path";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { logLevels } from "../lib/log.ts";
import { requireOpenFiles } from "../lib/open-files.ts";
import { defaultDataDir, defaultPidPath, defaultSocketPath } from "../lib/paths.ts";
import { reasonOf, unusableFileOf } from "../lib/reason.ts";
import { writeOut } from "../lib/stdio.ts";
import { keepCrash } from "./crash.ts";
import { Daemon, type DaemonConfig } from "./daemon.ts";
import { pauseAt } from "./debug.ts";
import { prepareHome } from "./home.ts";
import { acquireLock } from "./lock.ts";
import { logLevelOf, openLog, unknownLogLevel, type LogFile } from "./log.ts";
import { readinessPipe } from "./readiness.ts";
import { createServices } from "./services.ts";
import { installSignals } from "./signals.ts";
import { vacancyAt } from "./socket-place.ts";
import { readUserConfig } from "./user-config.ts";

const bytesPerMegabyte = 1024 * 1024;
const msPerMinute = 60_000;

/** Runs the daemon that a client has started until it is stopped. Returns the exit code; failures go to the pipe. */
export async function runSpawnedDaemon(readinessFd: number): Promise<number> {
  const readiness = readinessPipe(readinessFd);
  try {
    await runLocked({
      byHand: false,
      onProgress: (progress) => readiness.report({ progress }),
      onReady: (ready) => readiness.report({ ready }),
    });
    return 0;
  } catch (error) {
    const { code, message, hint } = described(error);
    readiness.report({ error: { code, message, hint } });
    // Losing the race to be the daemon is no news for the file that keeps crashes: who started us knows.
    if (code !== "already_running") writeOut(2, `error: ${message}\n` + (hint ? `  hint: ${hint}\n` : ""));
    return 1;
  }
}

/** Runs a daemon that was started by hand or by a service until it is stopped. Throws what it failed by. */
export async function runDaemonByHand(onReady: (ready: Ready) => void): Promise<void> {
  const say = (text: string) => writeOut(2, text + "\n");
  try {
    await runLocked({
      byHand: true,
      onProgress: say,
      onReady: (ready) => {
        onReady(ready);
        say(`daemon ready (PID ${ready.pid}) on ${ready.socket}; Ctrl-C stops it`);
      },
    });
  } catch (error) {
    throw described(error);
  }
}

interface Ready {
  pid: number;
  socket: string;
}

interface Start {
  /** Its own environment may hold keys for it. */
  byHand: boolean;
  onProgress: (text: string) => void;
  onReady: (ready: Ready) => void;
}

async function runLocked({ byHand, onProgress, onReady }: Start): Promise<void> {
  process.umask(0o077);
  const config: DaemonConfig = {
    dataDir: defaultDataDir(),
    socketPath: defaultSocketPath(),
    pidPath: defaultPidPath(),
  };
  requireOpenFiles();
  prepareHome(config.dataDir);
  pauseAt("home-ready");
  const lock = await acquireLock(config.dataDir);
  pauseAt("locked");
  const { config: settings, problem } = readUserConfig(config.dataDir, process.env);
  config.clientsMax = settings.daemon.clients_max;
  config.idleExitMs = minutesToMs(settings.daemon.idle_exit_minutes);
  const logFile = openLog(join(config.dataDir, "logs", "daemon.log"), {
    level: logLevelOf(process.env["LOOPR_LOG"], settings.log.level),
    bytesMax: settings.log.megabytes * bytesPerMegabyte,
    filesMax: settings.log.files,
  });
  const unknown = unknownLogLevel(process.env["LOOPR_LOG"]);
  if (unknown !== null)
    logFile.log.warn(`LOOPR_LOG is '${unknown}', which is no level: one of ${logLevels.join(", ")}`);
  if (problem !== null) logFile.log.warn(`the user's configuration cannot be used: ${problem}`);
  try {
    reportCrashes(logFile);
    const crash = keepCrash(config, logFile.log);
    if (crash) logFile.log.warn("the daemon before did not end in good order", { pid: crash.pid });
    pauseAt("log-open");
    // Before anything of ours is changed; when the socket is put there it is looked at again.
    await vacancyAt(config.socketPath, config.dataDir, onProgress);
    const daemon = new Daemon(config, {
      services: createServices({
        dataDir: config.dataDir,
        log: logFile.log,
        config: settings,
        ownKeys: byHand,
        afterCrash: crash !== null,
      }),
      log: logFile.log,
      // Nobody logs keys; should someone come to, the log does not take them.
      onSecret: (secret) => logFile.addSecret(secret),
      isLockValid: () => lock.isValid(),
      restoreLog: () => logFile.restore(),
      onProgress,
      onReady: ({ pid, socket }) => onReady({ pid, socket }),
    });
    installSignals({
      stop: (mode, signal) => daemon.stop(mode, signal),
      reopenLog: () => logFile.reopen(),
    });
    await daemon.run();
  } catch (error) {
    logFile.log.error(`the daemon ended: ${messageOf(error)}`, { error });
    throw error;
  } finally {
    logFile.close();
    lock.release();
  }
}

function minutesToMs(minutes: number | null): number | null {
  return minutes === null ? null : minutes * msPerMinute;
}

/** A bug ends the daemon, which the next start recovers from; going on with a broken state is worse. */
function reportCrashes({ log, redact }: LogFile): void {
  // The one of the command line knows no secrets, and would come first.
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => {
    log.error(`crashed: ${messageOf(error)}`, { error });
    writeOut(2, redact(`${new Date().toISOString()} crashed: ${error.stack ?? messageOf(error)}\n`));
    process.exit(1);
  });
}

/** The store's own hint is for one that has been in use for long. */
const fullHint = "free space on that disk (or quota), or set LOOPR_HOME to a directory on another one";

function described(error: unknown): LooprError {
  if (error instanceof LooprError) {
    if (error.code !== "store_full") return error;
    return new LooprError(error.code, error.message, fullHint, { cause: error });
  }
  const path = unusableFileOf(error);
  if (path !== null) {
    const isFull = ["ENOSPC", "EDQUOT"].includes(systemCode(error));
    const hint = isFull
      ? fullHint
      : "move away what is in its place, mend its rights (chmod u+rwX), or set LOOPR_HOME";
    const message = `${path} cannot be used: ${reasonOf(error)}`;
    return new LooprError("home_unusable", message, hint, { cause: error });
  }
  return new LooprError("internal", `the daemon failed by a bug: ${messageOf(error)}`, "", { cause: error });
}
