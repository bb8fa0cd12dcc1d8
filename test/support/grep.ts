// Both ways of grep: the same calls on the same files must give the same answers.
import { expect } from "bun:test";
import { ToolFailure } from "../../src/runner/tool.ts";
import { findProgram } from "../../src/lib/find-program.ts";
import type { ToolBench } from "./tools.ts";

const ripgrep = findProgram("rg", process.env["PATH"] ?? "");
if (ripgrep === null)
  console.error("SKIPPED: ripgrep is not installed, so its results are NOT compared here");

export type Answer = { text: string } | { failed: string };

/** `program` null: our own search. */
export async function ask(bench: ToolBench, input: object, program: string | null = null): Promise<Answer> {
  try {
    return { text: await bench.call("grep", input, { ripgrep: program }) };
  } catch (error) {
    if (error instanceof ToolFailure) return { failed: error.message };
    throw error;
  }
}

/** Our own answer, after it has been compared with ripgrep's. The words of a failure may differ. */
export async function same(bench: ToolBench, input: object): Promise<Answer> {
  const own = await ask(bench, input);
  if (ripgrep !== null) {
    const theirs = await ask(bench, input, ripgrep);
    if ("failed" in own && "failed" in theirs) return own;
    expect({ input, ...own }).toEqual({ input, ...theirs });
  }
  return own;
}
