// What a command gets in unit tests: a context that collects what it writes, and ports to a daemon in memory.
import type { Choice } from "../../src/cli/ask.ts";
import type { CliContext } from "../../src/cli/context.ts";
import type { CliPorts } from "../../src/cli/ports.ts";
import { LooprError } from "../../src/lib/errors.ts";
import { RpcError } from "../../src/protocol/errors.ts";
import type { FakeDaemon } from "./fake-daemon.ts";

export interface TestContext extends CliContext {
  /** What was written to stdout, and as notes to stderr. */
  out: string[];
  notes: string[];
  printed: unknown[];
}

export function testContext(patch: Partial<CliContext> = {}): TestContext {
  const out: string[] = [];
  const notes: string[] = [];
  const printed: unknown[] = [];
  const context: TestContext = {
    json: false,
    verbose: false,
    config: null,
    cwd: "/repo",
    interactive: false,
    colour: false,
    out,
    notes,
    printed,
    say: (text) => {
      if (!context.json) out.push(text);
    },
    note: (text) => {
      notes.push(text);
    },
    print: (value) => {
      printed.push(value);
    },
    ...patch,
  };
  return context;
}

export interface TestPorts extends CliPorts {
  asked: string[];
  interrupt: () => void;
}

/** Answers are given in order; a function is run first, to change the world while the person thinks. */
export function testPorts(
  daemon: FakeDaemon,
  answers: (string | null | (() => string | null | Promise<string | null>))[] = [],
): TestPorts {
  const asked: string[] = [];
  const queue = [...answers];
  const listeners = new Set<() => void>();
  const next = async (question: string): Promise<string | null> => {
    asked.push(question);
    if (queue.length === 0) throw new Error(`nobody answers: ${question}`);
    const answer = queue.shift() ?? null;
    return typeof answer === "function" ? await answer() : answer;
  };
  return {
    asked,
    interrupt: () => {
      for (const listener of listeners) listener();
    },
    connect: async () => daemon,
    ask: {
      choice: async <K extends string>(question: string, choices: Choice<K>[]) => {
        const answer = await next(question);
        return choices.find(({ key }) => key === answer)?.key ?? null;
      },
      text: (question) => next(question),
    },
    env: { LANG: "C.UTF-8", HOME: "/home/ada", PATH: "/bin", ANTHROPIC_API_KEY: "secret" },
    now: () => 1_700_000_120_000,
    personal: async () => ({ keyEnv: {}, pass: [] }),
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    liveness: { quietMs: 60_000, answerWithinMs: 5_000, againMs: 5_000 },
    edit: async () => {
      throw new Error("nobody edits");
    },
  };
}

/** The refusal or failure that a promise ends with. */
export async function failing(act: Promise<unknown>): Promise<LooprError | RpcError> {
  try {
    await act;
  } catch (error) {
    if (error instanceof LooprError || error instanceof RpcError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
