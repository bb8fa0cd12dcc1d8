// loopr demo: a complete run on a sample repository, with the scripted model. It goes through the daemon like
// any other run; only the repository, the model's words and (with --yes) the approval are ours.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunOptions } from "../domain/run-options.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import { probeSandbox } from "../sandbox/probe.ts";
import type { Ask } from "./ask.ts";
import { conclude } from "./conclude.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { makeSample, sampleBranch, sampleCheck } from "./demo/sample.ts";
import { demoRequest, demoScript } from "./demo/script.ts";
import { runEnvironment } from "../lib/run-environment.ts";
import { shellWord } from "./format.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { shortener } from "./resolve.ts";
import { withSession, type Session } from "./session.ts";

const iterationsMax = 5;

export async function demo(
  context: CliContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<number> {
  const approved = options["yes"] === true;
  if (!approved && (!context.interactive || context.json)) {
    throw new LooprError(
      "usage",
      "the demo asks you to approve its plan, and there is no terminal to ask on",
      "loopr demo --yes approves it",
    );
  }
  const ports = demoPorts(context, createPorts(), approved);
  const sample = makeDirectory();
  let mayExist = false;
  try {
    await makeSample(sample.repository, ports.env);
    writeFileSync(sample.script, JSON.stringify(demoScript, null, 2));
    const sandbox = await usableSandbox(context);
    context.say(`A sample repository is in ${sample.repository}`);
    context.say(`The request: ${demoRequest}\n`);
    return await withSession(context, ports, { reconnect: true }, async (session) => {
      mayExist = true; // also where its answer is lost, or nobody waits for it
      const run = await createRun(session, ports, sample, sandbox).catch((error: unknown) => {
        mayExist = !(error instanceof RpcError);
        throw error;
      });
      session.left = `The sample repository is in ${sample.directory}`;
      const exitCode = await conclude(context, ports, session, run);
      await tidyUp(context, session, sample, run.id, { exitCode, remove: options["remove"] === true });
      return exitCode;
    });
  } finally {
    // A run that was created may still be going on, or wait for the person: its repository stays.
    if (!mayExist) rmSync(sample.directory, { recursive: true, force: true });
  }
}

interface Sample {
  directory: string;
  repository: string;
  script: string;
}

function makeDirectory(): Sample {
  try {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "loopr-demo-")));
    const repository = join(directory, "tally");
    mkdirSync(repository);
    return { directory, repository, script: join(directory, "script.json") };
  } catch (error) {
    throw new LooprError(
      "usage",
      `no temporary folder can be made: ${messageOf(error)}`,
      "set TMPDIR to a directory that you can write to",
      { cause: error },
    );
  }
}

/** No key is handed over: the demo needs none. With --yes the plan is shown all the same, and then approved. */
function demoPorts(context: CliContext, ports: CliPorts, approved: boolean): CliPorts {
  const approving: Ask = {
    choice: (question, choices) => {
      context.say(`${question} approve (--yes)`);
      return Promise.resolve(choices.find(({ label }) => label === "approve")?.key ?? null);
    },
    text: () => Promise.resolve(null),
  };
  return {
    ...ports,
    connect: (options) => ports.connect({ ...options, credentials: {} }),
    ask: approved ? approving : ports.ask,
  };
}

/** The demo alone goes on by itself where there is no sandbox, and says so; the summary says it again. */
async function usableSandbox(context: CliContext): Promise<RunOptions["sandbox"]> {
  const probe = await probeSandbox();
  if (probe.ok) return "auto";
  context.note(`warning: unsandboxed, since the sandbox does not work on this machine: ${probe.reason}`);
  context.note(`  hint: ${probe.remedy}`);
  return "none";
}

async function createRun(session: Session, ports: CliPorts, sample: Sample, sandbox: RunOptions["sandbox"]) {
  // Everything that the person's own configuration could set otherwise is said here.
  const options: RunOptions = {
    levels: "auto",
    check: sampleCheck,
    cwd: sample.repository,
    merge: true,
    max_iterations: iterationsMax,
    target: sampleBranch,
    script: sample.script,
    sandbox,
  };
  const { id, warnings } = await session.client.call("loop.create_plan", {
    description: demoRequest,
    project: sample.repository,
    env: runEnvironment(ports.env),
    options,
  });
  const { loops } = await session.client.call("loop.list", {});
  const asks = { approved: false, mayStayUnmerged: false, mayAsk: true, endsHere: true };
  return { id, short: shortener(loops), from: "beginning" as const, warnings, ...asks };
}

/** The repository stays, to be looked at, unless --remove is given and nothing in it is unfinished. */
async function tidyUp(
  context: CliContext,
  session: Session,
  sample: Sample,
  id: string,
  { exitCode, remove }: { exitCode: number; remove: boolean },
): Promise<void> {
  if (remove && exitCode === exitCodes.done) {
    await session.client.call("loop.delete", { id });
    rmSync(sample.directory, { recursive: true, force: true });
    return;
  }
  context.say(`  look    git -C ${shellWord(sample.repository)} log --patch ${sampleBranch}`);
  context.say(`  remove  rm -r ${shellWord(sample.directory)}`);
}
