// Larger things that clients look at: a loop's diff and its output.
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import type { Engine } from "../engine/engine.ts";
import { interruptedRef, loopRef, type Parts } from "../engine/parts.ts";
import type { Store } from "../engine/ports.ts";
import type { Git, Repository } from "../engine/git-port.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import type { Result } from "../protocol/methods.ts";
import { parseCursor } from "./export-page.ts";
import { filesAfter, type Secrets } from "./record-files.ts";

/** JSON may double a text's length, and a message is one line of at most 1 MiB. Bytes. */
const textBytesMax = 400 * 1024;

interface Needs {
  engine: Engine;
  store: Store;
  git: Git;
}

/** A root's diff is the whole run's; a code loop's is its own work, or that of one iteration. */
export async function diffOf(
  needs: Needs,
  loop: Loop,
  iteration: number | null,
): Promise<Result<"loop.diff">> {
  const run = needs.engine.ledger.run(loop.root_id);
  const repository = await needs.git.reopen(run.project);
  if (iteration !== null) return diffOfIteration(needs, repository, loop, iteration);
  const own = loop.loop_type === "code" ? await workOf(repository, loop) : null;
  if (own !== null && loop.base_commit !== null) return repository.diff(loop.base_commit, own, textBytesMax);
  const tip = run.merged_commit ?? run.verified_commit ?? run.tip;
  if (loop.parent_id !== null || tip === null) return { diff: "", truncated: false };
  return repository.diff(run.target_commit, tip, textBytesMax);
}

/** A loop's last commit; of one that was interrupted and does not go on, what it left with it. */
async function workOf(repository: Repository, loop: Loop): Promise<string | null> {
  const left =
    loop.status === "cancelled" ? await repository.resolve(interruptedRef(loop.id, loop.iteration)) : null;
  return left ?? (await repository.resolve(loopRef(loop.id)));
}

async function diffOfIteration(
  { store, engine }: Needs,
  repository: Repository,
  loop: Loop,
  iteration: number,
): Promise<Result<"loop.diff">> {
  const records = store.iterations(loop.id);
  const record = iterationIn(records, loop, iteration);
  if (record.commit === null) {
    const why =
      loop.loop_type === "code"
        ? "ended without a commit"
        : `is of a ${loop.loop_type} loop, which changes no files`;
    const hint = `loopr logs ${loop.id} --iteration ${iteration} shows what was said`;
    throw new LooprError("invalid_state", `iteration ${iteration} of ${loop.id} ${why}`, hint);
  }
  const before = records.findLast((one) => one.iteration < iteration && one.commit !== null)?.commit;
  const start =
    record.start_commit ?? before ?? loop.base_commit ?? engine.ledger.run(loop.root_id).target_commit;
  for (const commit of [start, record.commit]) {
    if (await repository.has(commit)) continue;
    throw new LooprError(
      "state_gone",
      `the commit ${commit.slice(0, 10)} of iteration ${iteration} of ${loop.id} is no longer in the repository`,
      `loopr diff ${loop.id} shows the whole, where that is left`,
    );
  }
  return repository.diff(start, record.commit, textBytesMax);
}

/** Throws `invalid_state` where there is no such iteration. */
function iterationIn(records: readonly IterationRecord[], loop: Loop, iteration: number): IterationRecord {
  const record = records.findLast((one) => one.iteration === iteration);
  if (record) return record;
  throw new LooprError(
    "invalid_state",
    `${loop.id} has no iteration ${iteration}`,
    `loopr status ${loop.id} -d lists them`,
  );
}

/** The tail of what a loop said and ran, in one iteration; without a number the last that has any. */
export async function outputOf(
  needs: Needs,
  loop: Loop,
  iteration: number | null,
): Promise<Result<"loop.output">> {
  const records = needs.store.iterations(loop.id);
  const record = iteration === null ? records.at(-1) : iterationIn(records, loop, iteration);
  if (!record) return { output: "", truncated: false };
  requireKept(loop, record);
  return tail(join(record.directory, "output.log"));
}

export function secretsOf(parts: Parts, loop: Loop): Secrets {
  const run = parts.ledger.run(loop.root_id);
  return {
    redact: (text) => parts.redact(run, text),
    openSecret: (text) => parts.openSecret(run, text),
  };
}

/** Throws `records_pruned` where the record's files are gone. */
function requireKept(loop: Loop, { pruned_at }: IterationRecord): void {
  if (pruned_at == null) return;
  throw new LooprError(
    "records_pruned",
    `the records of ${loop.id} were removed on ${new Date(pruned_at).toISOString().slice(0, 10)}`,
    "records.keep_days and records.max_mb in your configuration say how long they are kept",
  );
}

/** Everything on record of one iteration, its files in pieces. */
export async function recordPage(
  { engine, store }: Needs,
  loop: Loop,
  iteration: number,
  cursor: string | null,
): Promise<Result<"loop.record">> {
  const record = iterationIn(store.iterations(loop.id), loop, iteration);
  requireKept(loop, record);
  const { hash } = engine.ledger.run(loop.root_id).project;
  const begun = cursor === null ? null : parseCursor(cursor);
  const after = begun ?? { section: "files", loop: loop.id, n: iteration, name: "", offset: 0 };
  const evidence = begun === null ? store.evidence(loop.id).filter((one) => one.iteration === iteration) : [];
  const files: Result<"loop.record">["files"] = [];
  let bytes = 0;
  const recordsDir = join(engine.parts.projectDir(hash), "records");
  for await (const { entry, at } of filesAfter(recordsDir, loop.id, after, secretsOf(engine.parts, loop))) {
    if (entry.section !== "files" || at.n !== iteration) break;
    files.push(entry.value);
    bytes += Buffer.byteLength(JSON.stringify(entry.value));
    if (bytes >= textBytesMax) return { record, evidence, files, cursor: JSON.stringify(at) };
  }
  return { record, evidence, files, cursor: null };
}

async function tail(path: string): Promise<Result<"loop.output">> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const length = Math.min(size, textBytesMax);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return { output: buffer.toString("utf8"), truncated: size > length };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { output: "", truncated: false };
    throw error;
  }
}
