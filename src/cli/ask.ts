// Questions to a person at a terminal. Only asked where CliContext.interactive says that there is one.
import type { createInterface } from "node:readline";
import { LooprError } from "../lib/errors.ts";
import { writeOut } from "../lib/stdio.ts";

export interface Choice<K extends string> {
  /** What the person types: the first letter of the label. */
  key: K;
  label: string;
  /** Further words that mean it, such as `yes` for `approve`. */
  also?: readonly string[];
}

/**
 * Answers are null where the person ended the input (Ctrl-D) or the signal withdrew the question.
 * Ctrl-C throws LooprError `interrupted`.
 */
export interface Ask {
  choice<K extends string>(question: string, choices: Choice<K>[], signal?: AbortSignal): Promise<K | null>;
  text(question: string, signal?: AbortSignal): Promise<string | null>;
}

export function createAsk(): Ask {
  return {
    choice: async (question, choices, signal) => {
      const labels = choices.map(withLetter).join(", ");
      for (;;) {
        const answer = await readAnswer(`${question} (${labels}) `, signal);
        if (answer === null) return null;
        const found = choiceOf(answer, choices);
        if (found !== null) return found;
        writeOut(1, `Please answer with a letter or a word: ${labels}\n`);
      }
    },
    text: (question, signal) => readAnswer(`${question} `, signal),
  };
}

/** `[a]pprove` */
function withLetter({ key, label }: Choice<string>): string {
  return label.startsWith(key) ? `[${key}]${label.slice(key.length)}` : `[${key}] ${label}`;
}

/** `a`, `approve` and any start of it mean the choice labelled `approve`, and so do its further words. */
export function choiceOf<K extends string>(answer: string, choices: readonly Choice<K>[]): K | null {
  const typed = answer.trim().toLowerCase();
  if (typed === "") return null;
  const means = ({ key, label, also = [] }: Choice<K>) =>
    key === typed || label.toLowerCase().startsWith(typed) || also.includes(typed);
  return choices.find(means)?.key ?? null;
}

async function readAnswer(prompt: string, signal?: AbortSignal): Promise<string | null> {
  // Loaded when there is a question: most commands have none.
  const readline = await import("node:readline");
  return readLine(readline.createInterface, prompt, signal);
}

function readLine(
  create: typeof createInterface,
  prompt: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return resolve(null);
    const lines = create({ input: process.stdin, output: process.stdout, terminal: true });
    const end = (settle: () => void) => {
      signal?.removeEventListener("abort", withdraw);
      // Only our own listener: by another the reader lets go of the keyboard when it is closed.
      lines.off("close", onClose);
      lines.close();
      // Without this a terminal that nobody reads keeps the process alive.
      process.stdin.pause();
      settle();
    };
    const onClose = () =>
      end(() => {
        writeOut(1, "\n");
        resolve(null);
      });
    const withdraw = () =>
      end(() => {
        writeOut(1, "\n");
        resolve(null);
      });
    signal?.addEventListener("abort", withdraw, { once: true });
    lines.on("SIGINT", () =>
      end(() => {
        writeOut(1, "\n");
        reject(interrupted());
      }),
    );
    lines.on("close", onClose);
    lines.question(prompt, (answer) => end(() => resolve(answer)));
  });
}

export function interrupted(): LooprError {
  return new LooprError("interrupted", "interrupted");
}
