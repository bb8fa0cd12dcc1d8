// Sets of parallel edits, run by the real engine with real git and a real store. Model and check are functions in
// this process: what a loop edits and what passes is known beforehand, and a whole run takes a second.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultConfig } from "../../src/domain/config.ts";
import type { RunState } from "../../src/domain/loop.ts";
import { Engine } from "../../src/engine/engine.ts";
import { newLoop } from "../../src/engine/new-loop.ts";
import type { ContentBlock, JobOutcome, Jobs, Model, TurnRequest } from "../../src/engine/ports.ts";
import { createGit } from "../../src/git/git.ts";
import { openStore } from "../../src/store/store.ts";
import { gitFixture } from "./git-fixture.ts";
import { runRecord } from "./records.ts";
import { until } from "./harness.ts";

export interface Edit {
  file: number;
  /** Where in the file, as a part of its length. */
  at: number;
  how: "insert" | "replace" | "append";
}

export interface Scenario {
  /** What each loop edits. */
  loops: { edits: Edit[]; dependsOnFirst: boolean; heavy: boolean; stubborn: boolean; failsFirst: boolean }[];
  /**
   * The person commits as well, when so many model turns have been taken: an edit, or one that asks more of the
   * loops' work. `heavy` leaves no room for a heavy loop; with `pairs`, what one loop did alone does not pass.
   */
  person: { afterTurns: number; edit: Edit; also: "nothing" | "heavy" | "pairs" }[];
  /** Whether the run meets a target that has moved at once, or at its end. */
  divergence: "rebase" | "continue";
}

export interface Outcome {
  state: RunState | null;
  accepted: boolean;
  /** What is wrong with the result; empty where everything holds. */
  problems: string[];
}

const fileCount = 3;
const nameOf = (file: number) => `file${file}.txt`;
/** Each is fine alone, two of them are too much. */
const heavyLine = "heavy";
const pairsLine = "pairs";
const loopNumbers = [0, 1, 2, 3];
const ownOf = (number: number) => `own${number}.txt`;
const settled: readonly (RunState | null)[] = [
  "merged",
  "verified",
  "failed",
  "stalled",
  "paused",
  "cancelled",
];
const runDeadlineMs = 60_000;

/** What a loop, or the person, leaves in a file. */
const mark = (who: string, index: number) => `mark-${who}-${index};`;

/** The lines with the edit made, wherever that is now; as they are where it is there already. */
export function edited(content: string, edit: Edit, token: string): string {
  if (content.includes(token)) return content;
  const lines = content.split("\n").slice(0, -1);
  const at = Math.min(Math.floor(edit.at * (lines.length + 1)), lines.length);
  if (edit.how === "insert" || lines.length === 0) lines.splice(at, 0, token);
  // The line keeps what others have left in it: a change that lost that would be the model's fault.
  else lines[Math.min(at, lines.length - 1)] += edit.how === "append" ? ` ${token}` : ` (was) ${token}`;
  return `${lines.join("\n")}\n`;
}

/** The check: whole lines without conflict markers, nothing broken, not too heavy. */
export function passes(read: (name: string) => string | null): boolean {
  const texts = Array.from({ length: fileCount }, (_, file) => read(nameOf(file)) ?? "");
  const heavy = texts.join("").split(heavyLine).length - 1;
  const done = loopNumbers.filter((number) => read(ownOf(number)) !== null).length;
  if (texts.join("").includes(pairsLine) && done === 1) return false;
  return heavy <= 1 && !texts.some((text) => text.includes("broken") || text.includes("<<<<<<<"));
}

export async function playEdits(scenario: Scenario): Promise<Outcome> {
  const fixture = gitFixture();
  try {
    const lines = Array.from({ length: 6 }, (_, n) => `line ${n}\n`).join("");
    const files = Object.fromEntries(Array.from({ length: fileCount }, (_, file) => [nameOf(file), lines]));
    const root = fixture.repository("repo", files);
    const git = (...args: string[]) => fixture.git(root, ...args);
    const base = git("rev-parse", "main");
    const personal: string[] = [];
    let turns = 0;
    const onTurn = () => {
      turns += 1;
      for (const [index, { afterTurns, edit, also }] of scenario.person.entries()) {
        if (afterTurns !== turns) continue;
        const path = join(root, nameOf(edit.file));
        const token = mark("person", index);
        writeFileSync(path, edited(readFileSync(path, "utf8"), edit, token));
        const last = join(root, nameOf(fileCount - 1));
        // A loop that begins on such a rule cannot keep it by itself: only at the end it is met fairly.
        const rule = also === "heavy" || scenario.divergence === "continue" ? also : "nothing";
        if (rule === "heavy" && !readFileSync(last, "utf8").includes(heavyLine))
          appendFileSync(last, `${heavyLine}-person\n`);
        if (rule === "pairs") appendFileSync(last, `${pairsLine}\n`);
        git("commit", "--quiet", "--all", `--message=${token}`);
        personal.push(token);
      }
    };
    const state = await run(fixture.env, fixture.root, root, scenario, onTurn);
    return judged({ git, base, state, scenario, personal });
  } finally {
    fixture.remove();
  }
}

async function run(
  env: Record<string, string>,
  home: string,
  root: string,
  scenario: Scenario,
  onTurn: () => void,
): Promise<RunState | null> {
  const git = createGit(env);
  const { repository, head } = await git.open(root);
  const store = openStore(join(home, "loopr.db"));
  const engine: Engine = new Engine({
    store,
    git,
    jobs: editJobs,
    clock: { now: Date.now },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    limits: defaultConfig.concurrency,
    projectDir: (hash) => join(home, "projects", hash),
    deny: () => [],
    gitConfigs: () => [],
    redact: (_run, text) => text,
    openSecret: () => 0,
    emit: () => undefined,
    modelOf: () => Promise.resolve(editModel(scenario, (id) => engine.ledger.loop(id).worktree, onTurn)),
  });
  const config = {
    ...defaultConfig,
    validation: { ...defaultConfig.validation, command: "check" },
    git: { ...defaultConfig.git, divergence: scenario.divergence },
    plan: { passes: 1 },
    judge: "off" as const,
    limits: { ...defaultConfig.limits, retries: 0, iterations: { plan: 1, spec: 1, phase: 1, code: 8 } },
  };
  const record = runRecord({
    project: repository.project,
    target_commit: head,
    levels: ["plan", "code"],
    config,
    approve: true,
    merge: true,
    sandboxed: false,
  });
  const options = { type: "plan", parent: null, title: "Edits", description: "Edit.", levels: ["code"] };
  engine.create(
    record,
    newLoop(record, { ...options, id: record.id, dependsOn: [], mayChange: [], now: 1000 }),
  );
  try {
    await until(
      () => settled.includes(engine.ledger.loop(record.id).run_state),
      runDeadlineMs,
      "the run's end",
    );
    return engine.ledger.loop(record.id).run_state;
  } finally {
    await engine.stop();
    store.close();
  }
}

/** write_file, and the check. */
const editJobs: Jobs = {
  run: (job) => {
    const outcome = (exit_code: number, output: string): JobOutcome => ({
      status: exit_code === 0 ? "success" : "failed",
      output,
      exit_code,
      duration_ms: 1,
      truncated: false,
    });
    if (job.tool === "write_file") {
      const path = join(job.cwd, String(job.input?.["path"]));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, String(job.input?.["content"]));
      return Promise.resolve(outcome(0, "written"));
    }
    const read = (name: string) =>
      existsSync(join(job.cwd, name)) ? readFileSync(join(job.cwd, name), "utf8") : null;
    const ok = passes(read);
    const said = readdirSync(job.cwd).map((name) => `${name}: ${read(name)?.split(heavyLine).length ?? 0}`);
    return Promise.resolve(outcome(ok ? 0 : 1, ok ? "ok" : `too heavy, or broken\n${said.join("\n")}`));
  },
};

function editModel(scenario: Scenario, worktreeOf: (id: string) => string, onTurn: () => void): Model {
  const turn = (request: TurnRequest): ContentBlock[] => {
    if (request.messages.length > 1) return [{ type: "text", text: "Done." }];
    if (request.loop.type === "plan") return [call("create_plan", planOf(scenario))];
    const number = Number(request.loop.title.replace("edit ", ""));
    const loop = scenario.loops[number];
    if (!loop) throw new Error(`no such loop: ${request.loop.title}`);
    const worktree = worktreeOf(request.loop.id);
    const contents = new Map<string, string>();
    for (const [index, edit] of loop.edits.entries()) {
      const name = nameOf(edit.file);
      const before = contents.get(name) ?? readFileSync(join(worktree, name), "utf8");
      contents.set(name, edited(before, edit, mark(String(number), index)));
    }
    const prompt = JSON.stringify(request.messages);
    const mine = `${heavyLine}-${number}\n`;
    const name = nameOf(0);
    const content = contents.get(name) ?? readFileSync(join(worktree, name), "utf8");
    const light = content.replace(mine, "");
    const told = prompt.includes("too heavy") && !loop.stubborn;
    if (loop.heavy) contents.set(name, told ? light : light + mine);
    const broken = loop.failsFirst && request.loop.iteration === 1;
    contents.set(ownOf(number), `${request.loop.iteration}\n`);
    if (broken) contents.set(name, `${contents.get(name) ?? content}broken ${number}\n`);
    else if (loop.failsFirst) {
      const mended = contents.get(name) ?? content;
      contents.set(name, mended.replace(`broken ${number}\n`, ""));
    }
    return [...contents].map(([path, text]) => call("write_file", { path, content: text }));
  };
  return {
    priceOf: () => 0,
    turn: (request) => {
      const content = turn(request);
      onTurn();
      const stop = content.some(({ type }) => type === "tool_use") ? "tool_use" : "end";
      const usage = { input: 1, output: 1, cache_read: 0, cache_write: 0 };
      return Promise.resolve({ content, stop, usage, cost_usd: 0, retries: 0 });
    },
  };
}

let calls = 0;
const call = (name: string, input: unknown): ContentBlock => ({
  type: "tool_use",
  id: `call-${++calls}`,
  name,
  input,
});

function planOf({ loops }: Scenario) {
  return {
    title: "Edits",
    summary: "Edits.",
    specs: loops.map(({ dependsOnFirst }, number) => ({
      name: `edit ${number}`,
      description: `Make edit ${number}`,
      depends_on: dependsOnFirst && number > 0 ? ["edit 0"] : [],
      level: "code",
    })),
  };
}

interface Ended {
  git: (...args: string[]) => string;
  base: string;
  state: RunState | null;
  scenario: Scenario;
  personal: readonly string[];
}

/** Every accepted change in the result, once; every commit that the target ever was at has passed. */
function judged({ git, base, state, scenario, personal }: Ended): Outcome {
  const problems: string[] = [];
  const show = (commit: string) => {
    const names = git("ls-tree", "--name-only", commit).split("\n");
    return (name: string) => (names.includes(name) ? git("show", `${commit}:${name}`) : null);
  };
  const commits = git("rev-list", "--first-parent", `${base}..main`).split("\n").filter(Boolean);
  const moves = git("reflog", "show", "--format=%H", "main").split("\n");
  for (const commit of new Set([...commits, ...moves]))
    if (!passes(show(commit))) problems.push(`${git("log", "-1", "--format=%h %s", commit)} does not pass`);
  for (const commit of moves)
    if (commit !== base && !commits.includes(commit)) problems.push(`main was at ${commit}, and left it`);
  const result = Array.from({ length: fileCount }, (_, file) => show("main")(nameOf(file))).join("\n");
  const expectOnce = (token: string, there: boolean) => {
    const times = result.split(token).length - 1;
    if (times !== (there ? 1 : 0)) problems.push(`${token} is ${times} times in the result (${state})`);
  };
  for (const token of personal) expectOnce(token, true);
  const accepted = state === "merged";
  scenario.loops.forEach(({ edits }, number) => {
    edits.forEach((_, index) => expectOnce(mark(String(number), index), accepted));
  });
  // Commits that had to be squashed list theirs; a loop that was sent back at the end may have two.
  const titles = git("log", "--format=%B", `${base}..main`).match(/^(?:- )?edit \d$/gm) ?? [];
  const found = [...new Set(titles.map((title) => title.replace("- ", "")))].toSorted();
  const wanted = accepted ? scenario.loops.map((_, number) => `edit ${number}`) : [];
  if (found.join() !== wanted.join()) problems.push(`the target's commits: ${titles.join()}`);
  const asksMore = scenario.person.some(({ also }) => also !== "nothing");
  if (!asksMore && titles.length !== found.length) problems.push(`twice on the target: ${titles.join()}`);
  return { state, accepted, problems };
}
