// The evidence of a whole run in one piece: what `loopr evidence` prints, and what is kept with the merged
// commit as a git note, so that `loopr verify` can run its check again, on another machine too.
import * as z from "zod/mini";
import { CheckResult, Evidence } from "./evidence.ts";

/** A note holds at most this many checks, the newest; each takes some 400 bytes. */
const noteChecksMax = 1000;
const marker = "Loopr-Evidence: ";

/** One check that the daemon ran, without its output. */
export const CheckRecord = z.extend(z.omit(CheckResult, { output: true }), {
  loop_id: z.string(),
  iteration: z.number(),
  stage: Evidence.shape.stage,
  at: z.number(),
});
export type CheckRecord = z.infer<typeof CheckRecord>;

export const EvidenceNote = z.object({
  format: z.literal(1),
  run: z.string(),
  title: z.string(),
  target: z.string(),
  /** The run's changes are those between the two. */
  base_commit: z.string(),
  commit: z.string(),
  sandboxed: z.boolean(),
  verified: z.boolean(),
  /** What has to run to check it again; null where validation was waived. */
  check: z.nullable(
    z.object({
      command: z.string(),
      cwd: z.string(),
      /** Seconds. */
      timeout: z.number(),
      /** `worktree.setup`. */
      setup: z.nullable(z.string()),
    }),
  ),
  checks: z.array(CheckRecord),
  checks_left_out: z.number(),
  protected_changed: z.array(z.string()),
});
export type EvidenceNote = z.infer<typeof EvidenceNote>;

/** Every check of these pieces of evidence, oldest first. */
export function checkRecords(evidence: readonly Evidence[]): CheckRecord[] {
  return evidence
    .toSorted((a, b) => a.at - b.at)
    .flatMap(({ checks, loop_id, iteration, stage, at }) =>
      checks.map((check) => CheckRecord.parse({ ...check, loop_id, iteration, stage, at })),
    );
}

export function protectedChanged(evidence: readonly Evidence[]): string[] {
  return [...new Set(evidence.flatMap(({ protected_changed }) => protected_changed))].sort();
}

/** A changed file, and who let it change. */
export function changedWords(
  path: string,
  {
    permitted = [],
    unread = [],
  }: { permitted?: readonly string[] | undefined; unread?: readonly string[] | undefined },
): string {
  if (unread.includes(path)) return `${path} (allowed by the plan, which nobody read)`;
  return path + (permitted.includes(path) ? " (with permission)" : "");
}

/** Lines for people who run `git log --notes=loopr`, and the whole for programs in the last one. */
export function renderNote(evidence: EvidenceNote): string {
  const left = Math.max(0, evidence.checks.length - noteChecksMax);
  const note = { ...evidence, checks: evidence.checks.slice(left), checks_left_out: left };
  const lines = [`Loopr-Run: ${note.run}`, `Sandboxed: ${note.sandboxed ? "yes" : "no"}`];
  for (const check of note.checks) {
    const result = check.ending === "exited" ? `exit ${check.exit_code ?? "none"}` : check.ending;
    lines.push(
      `Check: ${check.stage} ${check.variant} ${check.tree.slice(0, 12)} ${result}: ${check.command}`,
    );
  }
  if (note.protected_changed.length > 0) {
    lines.push(`Protected-Changed: ${note.protected_changed.join(", ")}`);
  }
  if (note.check === null) lines.push("Check: none (validation was waived: unverified)");
  const plain = [...new Set(lines)].map((line) => line.replaceAll("\n", " "));
  return [...plain, marker + JSON.stringify(note)].join("\n") + "\n";
}

/** The newest evidence in a commit's note; null where there is none that can be read. */
export function readNote(text: string): EvidenceNote | null {
  const lines = text.split("\n").filter((line) => line.startsWith(marker));
  for (const line of lines.toReversed()) {
    const parsed = EvidenceNote.safeParse(jsonOf(line.slice(marker.length)));
    if (parsed.success) return parsed.data;
  }
  return null;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The checks that say that this very tree has passed: of each command the newest on the tree as committed. */
export function recordedChecks(checks: readonly CheckRecord[], tree: string): CheckRecord[] {
  const newest = new Map<string, CheckRecord>();
  for (const check of checks) {
    if (check.variant === "candidate" && check.tree === tree && check.ending !== "setup_failed")
      newest.set(JSON.stringify([check.command, check.cwd]), check);
  }
  return [...newest.values()];
}

/**
 * The first check of a tree in which its note and what the store says differ: one that never ran or came out
 * otherwise, or one that ran and that the note conceals. Null: they agree.
 */
export function differingCheck(
  note: Pick<EvidenceNote, "checks" | "checks_left_out">,
  stored: readonly CheckRecord[],
  tree: string,
): CheckRecord | null {
  const ran = recordedChecks(stored, tree);
  const named = recordedChecks(note.checks, tree);
  const isAmong = (checks: readonly CheckRecord[], one: CheckRecord) =>
    checks.some((other) => other.command === one.command && other.cwd === one.cwd && sameOutcome(other, one));
  const invented = named.find((check) => !isAmong(ran, check));
  if (invented !== undefined) return invented;
  if (note.checks_left_out > 0) return null;
  return ran.find((check) => !isAmong(named, check)) ?? null;
}

/** Whether a check came to the same outcome as the record of it. */
export function sameOutcome(
  recorded: Pick<CheckResult, "ending" | "exit_code" | "passed">,
  again: Pick<CheckResult, "ending" | "exit_code" | "passed">,
): boolean {
  return (
    recorded.passed === again.passed &&
    recorded.ending === again.ending &&
    recorded.exit_code === again.exit_code
  );
}
