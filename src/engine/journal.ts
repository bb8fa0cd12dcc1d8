// The record of one iteration on disk: prompt.md, conversation.jsonl, output.log (what live views show) and
// validation.log. Written as it happens, so that a crash leaves what was said until then.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";
import { conversationName } from "./recorded.ts";
import type { Workspace } from "./workspace.ts";

/** output.log stops growing here. Bytes. */
const outputBytesMax = 10 * 1024 * 1024;

export interface Journal extends Disposable {
  readonly directory: string;
  readonly validationLog: string;
  prompt(text: string): void;
  message(entry: unknown): void;
  /** What the judge was asked and answered: judge.jsonl. */
  judge(entry: unknown): void;
  /** `stream`: model, tool, check, judge, loopr. */
  output(stream: string, text: string): void;
}

/** The journal of a loop's iteration, whose output is shown live as well. Iteration 0: what is none's. */
export function openJournal(
  parts: Pick<Parts, "redact" | "openSecret" | "emit">,
  workspace: Workspace,
  { loopId, iteration }: { loopId: string; iteration: number },
): Journal {
  const { run } = workspace;
  return journalIn(
    workspace.recordsDir(loopId, iteration),
    { redact: (text) => parts.redact(run, text), openSecret: (text) => parts.openSecret(run, text) },
    (stream, text) => {
      parts.emit("loop.output", { id: loopId, stream, text });
    },
  );
}

interface Secrets {
  redact: (text: string) => string;
  openSecret: (text: string) => number;
}

export function journalIn(
  directory: string,
  { redact, openSecret }: Secrets,
  onOutput: (stream: string, text: string) => void,
): Journal {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let written = 0;
  let last = { stream: "", text: "\n" };
  /** The end of the last piece, where a secret may begin: it is not shown before it is known to be none. */
  let held = "";
  const append = (name: string, text: string) => {
    appendFileSync(join(directory, name), redact(text), { mode: 0o600 });
  };
  const show = (stream: string, clean: string) => {
    if (clean === "") return;
    onOutput(stream, clean);
    if (written > outputBytesMax) return;
    written += Buffer.byteLength(clean);
    try {
      append("output.log", written > outputBytesMax ? "\n[output.log is full]\n" : clean);
    } catch {
      // A full disk, most likely: it was shown, and what matters finds out by itself.
    }
  };
  const release = () => {
    const text = held;
    held = "";
    show(last.stream, text);
  };
  return {
    directory,
    validationLog: join(directory, "validation.log"),
    prompt: (text) => {
      writeFileSync(join(directory, "prompt.md"), redact(text), { mode: 0o600 });
    },
    message: (entry) => {
      append(conversationName, JSON.stringify(entry) + "\n");
    },
    judge: (entry) => {
      append("judge.jsonl", JSON.stringify(entry) + "\n");
    },
    output: (stream, text) => {
      if (text === "") return;
      const isNewVoice = stream !== last.stream;
      if (isNewVoice) release();
      // What the model says seldom ends its line; the next voice begins one of its own.
      const lineEnd = isNewVoice && !last.text.endsWith("\n") ? "\n" : "";
      last = { stream, text };
      const clean = redact(held + text);
      const open = openSecret(clean);
      held = clean.slice(clean.length - open);
      show(stream, lineEnd + clean.slice(0, clean.length - open));
    },
    [Symbol.dispose]: release,
  };
}

/** A file that a runner has written goes through the same: a project's own files may hold what is secret. */
export async function redactFile(path: string, redact: (text: string) => string): Promise<void> {
  try {
    const text = await readFile(path, "utf8");
    const clean = redact(text);
    if (clean !== text) await writeFile(path, clean);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error; // it printed nothing
  }
}
