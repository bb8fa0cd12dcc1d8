// Frames between daemon and runner: 4-byte big-endian payload length, 1 byte type, JSON payload.
import * as z from "zod/mini";
import { Lane } from "../tools/catalog.ts";

/** Longest payload, in bytes. */
export const frameBytesMax = 16 * 1024 * 1024;

export const frameTypes = {
  Handshake: 0x01,
  HandshakeAck: 0x02,
  Job: 0x10,
  JobAck: 0x11,
  Result: 0x12,
  Cancel: 0x20,
  CancelAck: 0x21,
  OutputChunk: 0x30,
  Heartbeat: 0x40,
  HeartbeatAck: 0x41,
  Shutdown: 0xf0,
} as const;
export type FrameName = keyof typeof frameTypes;

/** What a job may touch. Paths are absolute and real. */
const Sandbox = z.object({
  /** `none`: process group and environment only; every view says "unsandboxed". */
  mode: z.enum(["bwrap", "none"]),
  net: z.boolean(),
  /** Whether it may make Unix sockets of its own. */
  unix_sockets: z.boolean(),
  /** Writable beside the worktree: cache directories. Made if missing. */
  write: z.array(z.string()),
  /** Made readable again after the masks: the common git directory, PATH entries, the check's program. */
  read: z.array(z.string()),
  /** Masked: the secrets, the home of Loopr, `sandbox.read_deny`. */
  deny: z.array(z.string()),
  /** Configuration files of git, shown without the credentials in them. */
  git_configs: z._default(z.array(z.string()), []),
});

const frames = {
  Handshake: z.object({
    lane: Lane,
    pid: z.number(),
    version: z.string(),
    slots: z.number(),
    capabilities: z.array(z.string()),
  }),
  HandshakeAck: z.object({ version: z.string() }),
  Job: z.object({
    job_id: z.string(),
    loop_id: z.string(),
    iteration: z.number(),
    /** A tool of the catalog, with `input`; or `command`, run by `/bin/sh -c`; or `argv`. */
    tool: z.optional(z.string()),
    input: z.optional(z.record(z.string(), z.unknown())),
    command: z.optional(z.string()),
    argv: z.optional(z.array(z.string())),
    /** Absolute; below worktree_dir. */
    cwd: z.string(),
    worktree_dir: z.string(),
    env: z.record(z.string(), z.string()),
    timeout_ms: z.number(),
    max_output_bytes: z.number(),
    sandbox: Sandbox,
    /** The whole output goes here, up to a bound of its own. Written by the runner, not by the job. */
    spill_path: z.optional(z.string()),
  }),
  JobAck: z.object({ job_id: z.string() }),
  Result: z.object({
    job_id: z.string(),
    status: z.enum(["success", "failed", "timeout", "cancelled", "error"]),
    output: z.string(),
    exit_code: z.nullable(z.number()),
    duration_ms: z.number(),
    truncated: z.boolean(),
    output_path: z.optional(z.string()),
  }),
  Cancel: z.object({ job_id: z.string() }),
  CancelAck: z.object({ job_id: z.string() }),
  OutputChunk: z.object({ job_id: z.string(), stream: z.enum(["stdout", "stderr"]), text: z.string() }),
  Heartbeat: z.object({ at: z.number() }),
  HeartbeatAck: z.object({ at: z.number() }),
  Shutdown: z.object({}),
} as const satisfies Record<FrameName, z.ZodMiniType>;

export type Frame<N extends FrameName> = z.infer<(typeof frames)[N]>;
export type Job = Frame<"Job">;
export type JobResult = Frame<"Result">;

export type AnyFrame = { [N in FrameName]: { name: N; payload: Frame<N> } }[FrameName];

const frameNames = new Map(Object.entries(frameTypes).map(([name, type]) => [type as number, name]));

/** A received frame, checked against its schema; a text that says what is wrong with it otherwise. */
export function parseFrame(type: number, payload: unknown): AnyFrame | string {
  const name = frameNames.get(type);
  if (name === undefined) return `there is no frame of type 0x${type.toString(16).padStart(2, "0")}`;
  const parsed = z.safeParse(frames[name as FrameName], payload);
  if (parsed.success) return { name, payload: parsed.data } as AnyFrame;
  const issue = parsed.error.issues[0];
  return `a ${name} frame is not valid: ${issue?.message ?? ""} at ${issue?.path.join(".") ?? ""}`;
}
