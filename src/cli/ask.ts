// Questions to a person at a terminal. Only asked where CliContext.interactive says that there is one.
import { createInterface } from "node:readline";
import { LooprError } from "../lib/errors.ts";

export interface Choice<K extends string> {
  /** What the person types: the first letter of the label. */
  key: K;
  label: string;
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
      const labels = choices.map(({ label }) => label).join(", ");
      for (;;) {
        const answer = await readAnswer(`${question} (${labels}) `, signal);
        if (answer === null) return null;
        const found = choiceOf(answer, choices);
        if (found !== null) return found;
        process.stdout.write(`Please answer with one of: ${labels}\n`);
      }
    },
    text: (question, signal) => readAnswer(`${question} `, signal),
  };
}

/** `a`, `approve` and any start of it mean the choice labelled `approve`; anything else is no answer. */
export function choiceOf<K extends string>(answer: string, choices: readonly Choice<K>[]): K | null {
  const typed = answer.trim().toLowerCase();
  if (typed === "") return null;
  return (
    choices.find(({ key, label }) => key === typed || label.toLowerCase().startsWith(typed))?.key ?? null
  );
}

function readAnswer(prompt: string, signal?: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return resolve(null);
    const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: true });
    const end = (settle: () => void) => {
      signal?.removeEventListener("abort", withdraw);
      lines.removeAllListeners("close");
      lines.close();
      // Without this a terminal that nobody reads keeps the process alive.
      process.stdin.pause();
      settle();
    };
    const withdraw = () =>
      end(() => {
        process.stdout.write("\n");
        resolve(null);
      });
    signal?.addEventListener("abort", withdraw, { once: true });
    lines.on("SIGINT", () =>
      end(() => {
        process.stdout.write("\n");
        reject(interrupted());
      }),
    );
    lines.on("close", () =>
      end(() => {
        process.stdout.write("\n");
        resolve(null);
      }),
    );
    lines.question(prompt, (answer) => end(() => resolve(answer)));
  });
}

export function interrupted(): LooprError {
  return new LooprError("interrupted", "interrupted");
}
