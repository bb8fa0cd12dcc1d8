// Calls the person: runs `notify.command` when a run waits for him or has ended by itself. Outside of the
// sandbox, as his own command, with a clean environment; the daemon never waits for it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Config } from "../domain/config.ts";
import type { Loop, RunState } from "../domain/loop.ts";
import { noticeOf, type NoticeKind } from "../domain/notice.ts";
import type { StoredEvent } from "../engine/ports.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { ownUid } from "../lib/processes.ts";

/** A command that takes longer is killed, with all that it has started. */
const commandTimeoutMs = 10_000;
/** More at once are not started: somebody's mail server hangs. */
const commandsAtOnceMax = 5;

export interface NotifierOptions {
  /** Settings and environment of the run, as the person gave them. */
  runOf(rootId: string): { config: Config; env: Readonly<Record<string, string>> } | null;
  log: Pick<Log, "warn">;
}

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #states = new Map<string, RunState | null>();
  /** Process groups of the commands under way. */
  readonly #running = new Set<number>();

  /** `roots`: the runs as they are, of which the person has been told. */
  constructor(options: NotifierOptions, roots: readonly Loop[]) {
    this.#options = options;
    for (const root of roots) this.#states.set(root.id, root.run_state);
  }

  /** Told of each transaction's events. Never throws. */
  heard(events: readonly StoredEvent[]): void {
    for (const { event, loop_id, root_id, data } of events) {
      if (loop_id !== root_id) continue;
      if (event === "loop.deleted") this.#states.delete(root_id);
      if (event !== "loop.updated" && event !== "loop.created") continue;
      const root = data as Loop; // what the ledger has just written
      const kind = noticeOf(this.#states.get(root_id) ?? null, root);
      this.#states.set(root_id, root.run_state);
      if (kind !== null) this.#notify(kind, root);
    }
  }

  /** What still runs is ended: no process outlives its daemon. */
  stop(): void {
    for (const group of this.#running) killGroup(group);
  }

  #notify(kind: NoticeKind, root: Loop): void {
    const run = this.#options.runOf(root.id);
    const { command = null, on = [] } = run?.config.notify ?? {};
    if (run === null || command === null || !on.includes(kind)) return;
    if (this.#running.size >= commandsAtOnceMax) {
      this.#warn(root, `${commandsAtOnceMax} earlier ones have not ended yet`);
      return;
    }
    this.#execute(command, { ...run.env, ...sessionBus(run.env), ...variables(kind, root) }, root);
  }

  #execute(command: string, env: Record<string, string>, root: Loop): void {
    const child = spawn("/bin/sh", ["-c", command], { env, cwd: "/", stdio: "ignore", detached: true });
    child.unref();
    const group = child.pid;
    if (group !== undefined) this.#running.add(group);
    const limit = setTimeout(() => killGroup(group), commandTimeoutMs);
    limit.unref();
    const end = (problem: string | null) => {
      clearTimeout(limit);
      if (group !== undefined) this.#running.delete(group);
      if (problem !== null) this.#warn(root, problem);
    };
    child.on("error", (error) => end(messageOf(error)));
    child.on("exit", (code, signal) =>
      end(code === 0 ? null : `it ended with ${signal ?? `exit code ${code}`}`),
    );
  }

  #warn(root: Loop, problem: string): void {
    this.#options.log.warn("notify.command did not work", { run: root.id, problem });
  }
}

function killGroup(group: number | undefined): void {
  try {
    if (group !== undefined) process.kill(-group, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function variables(kind: NoticeKind, root: Loop): Record<string, string> {
  return {
    LOOPR_NOTICE: kind,
    LOOPR_RUN: root.id,
    LOOPR_STATE: root.run_state ?? "",
    LOOPR_WAITING_FOR: root.waiting_for ?? "",
    LOOPR_TITLE: root.title,
    LOOPR_MESSAGE: root.failure?.message ?? root.progress,
    LOOPR_PROJECT: root.project,
  };
}

/** Where notifications of the desktop go, which `notify-send` has to know. */
function sessionBus(env: Readonly<Record<string, string>>): Record<string, string> {
  const socket = `/run/user/${ownUid()}/bus`;
  return env["DBUS_SESSION_BUS_ADDRESS"] === undefined && existsSync(socket)
    ? { DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` }
    : {};
}
