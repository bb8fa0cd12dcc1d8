// The state that a loop was in before one of its iterations, put together from what is on record of it.
import type { ArtifactVersion } from "../domain/artifacts.ts";
import type { IterationRecord } from "../domain/evidence.ts";
import type { Loop, LoopContext } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { artifactMarkdown } from "./artifacts.ts";
import type { Parts } from "./parts.ts";

export interface StateBefore {
  /** The commit that the loop's work is compared with, and the one that its worktree was at. */
  base: string;
  start: string;
  feedback: LoopContext["feedback"];
  /** What the loop itself had handed in last; null where it had not. */
  artifact: ArtifactVersion | null;
  /** What it was told of its ancestors. */
  inherited: NonNullable<LoopContext["inherited"]>;
  /** The iterations before it. */
  records: IterationRecord[];
}

/** As many as the loop itself would remember. */
const feedbackKept = 10;

/** Throws `invalid_state` where there is no such iteration, `state_gone` where its commits are. */
export async function stateBefore(parts: Parts, loop: Loop, iteration: number): Promise<StateBefore> {
  const all = parts.store.iterations(loop.id);
  const record = all.find((one) => one.iteration === iteration);
  if (!record) {
    const last = all.at(-1)?.iteration ?? 0;
    throw new LooprError(
      "invalid_state",
      `${loop.id} has no iteration ${iteration}${last === 0 ? ": it has not begun" : `; it has 1 to ${last}`}`,
      `loopr status ${loop.id} -d lists them`,
    );
  }
  const records = all.filter((one) => one.iteration < iteration);
  const commits = commitsBefore(parts, loop, record, records);
  await requireCommits(parts, loop, iteration, Object.values(commits));
  const own = parts.store.artifacts(loop.id).findLast((one) => one.iteration < iteration);
  return {
    ...commits,
    feedback: feedbackBefore(loop, records, iteration),
    artifact: own ?? null,
    inherited: inheritedAt(parts, loop, record.started_at),
    records,
  };
}

/** As it was recorded; of an iteration that made no commit, where the one before it left off. */
function commitsBefore(
  parts: Parts,
  loop: Loop,
  record: IterationRecord,
  before: readonly IterationRecord[],
): { base: string; start: string } {
  const base = loop.base_commit ?? parts.ledger.run(loop.root_id).target_commit;
  if (record.base_commit && record.start_commit) {
    return { base: record.base_commit, start: record.start_commit };
  }
  const last = before.findLast((one) => one.commit !== null);
  return { base: last?.base_commit ?? base, start: last?.commit ?? base };
}

async function requireCommits(
  parts: Parts,
  loop: Loop,
  iteration: number,
  commits: readonly string[],
): Promise<void> {
  const repository = await parts.git.reopen(parts.ledger.run(loop.root_id).project);
  for (const commit of commits) {
    if (await repository.has(commit)) continue;
    throw new LooprError(
      "state_gone",
      `the commit ${commit.slice(0, 10)} that iteration ${iteration} of ${loop.id} began at is no longer in the repository`,
      "another iteration may still be there; loopr run starts anew",
    );
  }
}

/** What a person or the integration queue said is on the loop alone, what failed on its record, too. */
function feedbackBefore(
  loop: Loop,
  records: readonly IterationRecord[],
  iteration: number,
): LoopContext["feedback"] {
  const told = loop.context.feedback.filter((entry) => entry.iteration < iteration);
  const known = new Set(told.map((entry) => entry.iteration));
  const forgotten = records.flatMap(({ iteration: n, layer, feedback, outcome }) =>
    outcome === "failed" && feedback && !known.has(n)
      ? [{ iteration: n, layer: layer ?? "check", text: feedback }]
      : [],
  );
  return [...forgotten, ...told].toSorted((a, b) => a.iteration - b.iteration).slice(-feedbackKept);
}

/** The artifacts of the ancestors as they were at a time, the root's first. */
function inheritedAt(parts: Parts, loop: Loop, at: number): StateBefore["inherited"] {
  const inherited: StateBefore["inherited"] = [];
  let top = loop;
  while (top.parent_id !== null) {
    top = parts.ledger.loop(top.parent_id);
    const versions = parts.store.artifacts(top.id);
    const version = versions.findLast((one) => one.at <= at) ?? versions.at(-1);
    inherited.unshift({
      title: `${top.loop_type}: ${top.title}`,
      markdown: artifactMarkdown(top.loop_type, version?.value),
    });
  }
  return [...(top.context.inherited ?? []), ...inherited];
}
