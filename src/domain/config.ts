// Configuration: every key, its type, default, and the levels at which a file may set it.
// A key exists here only if a test shows its effect; docs/configuration.md is held to this table by a test.
import * as z from "zod/mini";
import { JudgeMode } from "./judgement.ts";
import { Passes } from "./passes.ts";
import { noticeKinds } from "./notice.ts";

const positive = z.number().check(z.positive());
const count = z.int().check(z.positive());

// Sections that came later have a default of their own: the records of older runs do not hold them.
const lanes = { "no-net": 10, net: 5, heavy: 1 };
const notify = { command: null, on: [...noticeKinds] };
const tui = { glyphs: "auto", bell: false } as const;
const log = { level: "info", megabytes: 10, files: 3 } as const;
const daemon = { idle_exit_minutes: null, clients_max: 256 };
const records = { keep_days: 90, max_mb: 2048, keep_runs: 20 };

export const Config = z.strictObject({
  validation: z.strictObject({
    command: z.nullable(z.string()),
    cwd: z.string(),
    /** Seconds. */
    timeout: positive,
    protected: z.nullable(z.array(z.string())),
    /** Has a default of its own: stored runs of an older version do not have it. */
    new_tests_must_fail_on_base: z._default(z.boolean(), false),
  }),
  protected: z.strictObject({ on_change: z.enum(["refuse", "ask", "allow"]) }),
  worktree: z.strictObject({ setup: z.nullable(z.string()), copy: z._default(z.array(z.string()), []) }),
  git: z.strictObject({
    target: z.nullable(z.string()),
    auto_merge: z.boolean(),
    /** What happens when the target moves under a running plan. */
    divergence: z._default(z.enum(["continue", "pause", "rebase"]), "rebase"),
    commit_artifacts: z._default(z.boolean(), false),
    author: z.nullable(z.string()),
  }),
  levels: z.union([z.literal("auto"), z.string()]),
  /** These two have defaults of their own: stored runs of an older version do not have them. */
  plan: z._default(z.strictObject({ passes: Passes }), { passes: 1 }),
  judge: z._default(
    z.union([
      JudgeMode,
      z.strictObject({
        plan: z.optional(JudgeMode),
        spec: z.optional(JudgeMode),
        phase: z.optional(JudgeMode),
      }),
    ]),
    "off",
  ),
  limits: z.strictObject({
    iterations: z.strictObject({ plan: count, spec: count, phase: count, code: count }),
    turns: count,
    minutes: positive,
    usd: z.nullable(positive),
    tokens: z.nullable(count),
    run_usd: positive,
    /** How often a failed child is started afresh. Stored runs of an older version do not have these. */
    retries: z._default(z.int().check(z.nonnegative()), 1),
    /** Of all loops of a run together. */
    run_tokens: z._default(z.nullable(count), null),
    run_minutes: z._default(z.nullable(positive), null),
  }),
  concurrency: z.strictObject({
    loops: count,
    model_calls: count,
    per_type: z.strictObject({ plan: count, spec: count, phase: count, code: count }),
    lanes: z._default(z.strictObject({ "no-net": count, net: count, heavy: count }), lanes),
  }),
  llm: z.strictObject({
    provider: z.enum(["anthropic", "scripted"]),
    model: z.string(),
    models: z._default(
      z.strictObject({
        plan: z.nullable(z.string()),
        spec: z.nullable(z.string()),
        phase: z.nullable(z.string()),
        code: z.nullable(z.string()),
        judge: z.nullable(z.string()),
      }),
      { plan: null, spec: null, phase: null, code: null, judge: null },
    ),
    script: z.nullable(z.string()),
    max_tokens: count,
    timeout_s: positive,
    providers: z.strictObject({
      anthropic: z.strictObject({
        api_key_env: z.nullable(z.string()),
        api_key_file: z.nullable(z.string()),
        base_url: z.nullable(z.string()),
      }),
    }),
  }),
  sandbox: z.strictObject({
    mode: z.enum(["auto", "none"]),
    read_deny: z.array(z.string()),
    write_allow: z.array(z.string()),
    /** Network for worktree.setup and the validation command (the `heavy` lane). */
    net: z.boolean(),
    unix_sockets: z.enum(["auto", "allow", "deny"]),
  }),
  env: z.strictObject({ pass: z.array(z.string()), set: z.record(z.string(), z.string()) }),
  notify: z._default(
    z.strictObject({ command: z.nullable(z.string()), on: z.array(z.enum(noticeKinds)) }),
    notify,
  ),
  tui: z._default(z.strictObject({ glyphs: z.enum(["auto", "unicode", "ascii"]), bell: z.boolean() }), tui),
  log: z._default(
    z.strictObject({
      level: z.enum(["trace", "debug", "info", "warn", "error"]),
      megabytes: positive,
      files: count,
    }),
    log,
  ),
  daemon: z._default(z.strictObject({ idle_exit_minutes: z.nullable(positive), clients_max: count }), daemon),
  records: z._default(
    z.strictObject({
      keep_days: positive,
      max_mb: positive,
      keep_runs: z.int().check(z.nonnegative()),
    }),
    records,
  ),
});
export type Config = z.infer<typeof Config>;

export const defaultConfig: Config = {
  validation: { command: null, cwd: ".", timeout: 600, protected: null, new_tests_must_fail_on_base: false },
  protected: { on_change: "refuse" },
  worktree: { setup: null, copy: [] },
  git: { target: null, auto_merge: false, divergence: "rebase", commit_artifacts: false, author: null },
  levels: "auto",
  plan: { passes: 5 },
  judge: "gate",
  limits: {
    iterations: { plan: 10, spec: 10, phase: 10, code: 30 },
    turns: 50,
    minutes: 120,
    usd: null,
    tokens: null,
    run_usd: 10,
    retries: 1,
    run_tokens: null,
    run_minutes: null,
  },
  concurrency: { loops: 50, model_calls: 10, per_type: { plan: 2, spec: 5, phase: 20, code: 50 }, lanes },
  llm: {
    provider: "anthropic",
    model: "claude-sonnet-5-5",
    models: { plan: null, spec: null, phase: null, code: null, judge: null },
    script: null,
    max_tokens: 8192,
    timeout_s: 300,
    providers: { anthropic: { api_key_env: null, api_key_file: null, base_url: null } },
  },
  sandbox: { mode: "auto", read_deny: [], write_allow: [], net: false, unix_sockets: "auto" },
  env: { pass: [], set: {} },
  notify,
  tui,
  log,
  daemon,
  records,
};

/**
 * What a project's file may set. `trusted` keys make commands run and count only after `loopr trust`;
 * `lower` keys count only where they are lower than the user's. Every other key is refused there.
 */
export const projectKeys: ReadonlyMap<string, "free" | "trusted" | "lower"> = new Map([
  ["validation.command", "trusted"],
  ["validation.cwd", "trusted"],
  ["validation.timeout", "trusted"],
  ["validation.protected", "free"],
  ["validation.new_tests_must_fail_on_base", "free"],
  ["protected.on_change", "free"],
  ["worktree.setup", "trusted"],
  ["worktree.copy", "trusted"],
  ["git.target", "free"],
  ["git.auto_merge", "free"],
  ["git.divergence", "free"],
  ["git.commit_artifacts", "free"],
  ["git.author", "free"],
  ["levels", "free"],
  ["plan.passes", "free"],
  ["judge", "free"],
  ["limits.iterations", "lower"],
  ["limits.turns", "lower"],
  ["limits.minutes", "lower"],
  ["limits.usd", "lower"],
  ["limits.tokens", "lower"],
  ["limits.run_usd", "lower"],
  ["limits.retries", "lower"],
  ["limits.run_tokens", "lower"],
  ["limits.run_minutes", "lower"],
  ["llm.model", "free"],
  ["llm.models", "free"],
  ["env.set", "trusted"],
]);

/**
 * Sections that the daemon reads when it starts, from the file of the person whose daemon it is. It serves all of
 * their clients at once: neither a project nor the explicit file of one of them can set these.
 */
export const daemonSections: ReadonlySet<string> = new Set(["concurrency", "log", "daemon", "records"]);

/** Whether commands may make Unix sockets: the model's, or the project's own (`worktree.setup`, the check). */
export function mayUseUnixSockets(config: Config, whose: "model" | "project"): boolean {
  const { unix_sockets } = config.sandbox;
  return unix_sockets === "allow" || (unix_sockets === "auto" && whose === "project");
}
