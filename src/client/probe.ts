// Looking at the daemon without ever starting one.
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError, messageOf } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { dial, type DialOptions, type Dialled } from "./dial.ts";
import { isDaemonLockHeld, liveIdentity, provenDaemon } from "./holder.ts";

/** A daemon that holds its lock and does not listen is on its way up or down: for that long. */
const betweenMs = 2_000;
const pollMs = 25;

export type Probe =
  | Extract<Dialled, { kind: "connected" }>
  | { kind: "stopped" }
  /** It says that it runs, and no more: it takes no more clients. `why`: as it says it. */
  | { kind: "busy"; identity: DaemonIdentity | null; why: string }
  /**
   * `listens`: it accepts connections, and does not answer. Otherwise it holds its lock, and that is all.
   * `why`: its socket cannot be used.
   */
  | { kind: "unresponsive"; identity: DaemonIdentity | null; listens: boolean; why: string | null };

/**
 * Throws what `dial` throws, but for what are answers here: `daemon_unresponsive`, `daemon_busy`, and
 * `daemon_unreachable` of a daemon that is known by other proof.
 */
export async function probeDaemon(options: DialOptions): Promise<Probe> {
  const dataDir = defaultDataDir(options.env);
  const deadline = Date.now() + betweenMs;
  for (;;) {
    try {
      const dialled = await dial(options);
      if (dialled.kind === "connected") return dialled;
    } catch (error) {
      if (!(error instanceof LooprError)) throw error;
      if (error.code === "daemon_busy") {
        return { kind: "busy", identity: liveIdentity(dataDir), why: messageOf(error.cause) };
      }
      const isKnown = error.code === "daemon_unreachable" && provenDaemon(dataDir) !== null;
      if (error.code !== "daemon_unresponsive" && !isKnown) throw error;
      const why = isKnown ? messageOf(error) : null;
      return { kind: "unresponsive", identity: liveIdentity(dataDir), listens: true, why };
    }
    if (!isDaemonLockHeld(dataDir)) return { kind: "stopped" };
    if (Date.now() > deadline) {
      return { kind: "unresponsive", identity: liveIdentity(dataDir), listens: false, why: null };
    }
    await sleep(pollMs);
  }
}
