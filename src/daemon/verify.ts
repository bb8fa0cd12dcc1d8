// evidence.verify: which run's configuration the recorded checks are run again with, and the answer.
import { loadConfig } from "../config/load.ts";
import { checkRecords, differingCheck } from "../domain/evidence-note.ts";
import type { Project, Run } from "../domain/run.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import { readRecorded, type Recorded } from "../engine/verify.ts";
import { LooprError } from "../lib/errors.ts";
import { runEnvironment } from "../lib/run-environment.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { requireSandbox, type CreateRunNeeds } from "./create-run.ts";
import type { Caller } from "./handlers.ts";

type Needs = Pick<CreateRunNeeds, "git" | "dataDir" | "probeSandbox" | "now"> & {
  engine: Engine;
  store: Store;
};

export async function verify(
  params: Params<"evidence.verify">,
  caller: Caller,
  needs: Needs,
): Promise<Result<"evidence.verify">> {
  const directory = params.project ?? caller.cwd;
  if (!directory) throw new RpcError(rpcCodes.invalidParams, "Missing 'project' parameter");
  const { repository } = await needs.git.open(directory);
  const recorded = await readRecorded(repository, params.commit);
  const sandboxed = await requireSandbox(params.sandbox ?? "auto", needs);
  const run = runOf(recorded, repository.project, params.env ?? process.env, needs);
  if (run.known) requireSameChecks(recorded, run.run, needs);
  else requireSandboxed(recorded, sandboxed);
  const checks = await needs.engine.verifier.verify(recorded, { ...run.run, sandboxed });
  const { commit, note } = recorded;
  return { commit, run: note.run, title: note.title, same: checks.every(({ same }) => same), checks };
}

/** The run as this daemon knows it; else one made from the note, with the person's own sandbox settings. */
function runOf(
  recorded: Recorded,
  project: Project,
  env: Readonly<Record<string, string | undefined>>,
  needs: Needs,
): { known: boolean; run: Run } {
  const { note, check, commit } = recorded;
  const { ledger } = needs.engine;
  if (ledger.find(note.run) !== null) return { known: true, run: { ...ledger.run(note.run), project } };
  const { config } = loadConfig({
    env: { ...process.env, ...env },
    projectRoot: null,
    projectHash: "",
    dataDir: needs.dataDir,
    explicit: null,
  });
  config.validation = { ...config.validation, command: check.command, timeout: check.timeout };
  config.worktree = { ...config.worktree, setup: check.setup };
  const run: Run = {
    id: note.run,
    project,
    subdir: "",
    target_branch: note.target,
    target_commit: commit,
    branch: null,
    levels: "auto",
    config,
    env: runEnvironment(env, config.env.pass),
    check_cwd: check.cwd,
    may_change: [],
    approve: false,
    merge: false,
    credentials: null,
    sandboxed: true,
    author: "",
    warnings: [],
    tip: null,
    verified_commit: null,
    merged_commit: commit,
    blocked: null,
    merge_requested: false,
    cost_usd: 0,
    budget_usd: 0,
    created_at: needs.now(),
  };
  return { known: false, run };
}

/** Anybody who can write to the repository can write a note: what the store says is what ran. */
function requireSameChecks(
  { commit, tree, note, check }: Recorded,
  run: Run,
  { engine, store }: Needs,
): void {
  const shown = commit.slice(0, 10);
  const hint = `the note was changed; loopr evidence ${run.id} shows what ran`;
  const own = run.config.validation.command;
  if (check.command !== own || check.cwd !== run.check_cwd) {
    throw new LooprError(
      "evidence_mismatch",
      `the note of commit ${shown} names the check \`${check.command}\`, but run ${run.id} was checked by \`${own ?? "nothing"}\``,
      hint,
    );
  }
  const stored = checkRecords(engine.ledger.loopsOf(run.id).flatMap(({ id }) => store.evidence(id)));
  const differing = differingCheck(note, stored, tree);
  if (differing === null) return;
  throw new LooprError(
    "evidence_mismatch",
    `the note of commit ${shown} and what run ${run.id} ran on it differ in the check \`${differing.command}\``,
    hint,
  );
}

function requireSandboxed({ note, check }: Recorded, sandboxed: boolean): void {
  if (sandboxed) return;
  throw new LooprError(
    "not_trusted",
    `run ${note.run} is not known here, so its check \`${check.command}\` comes from the repository's notes alone`,
    "without --sandbox none it runs sandboxed",
  );
}
