import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSecret } from "../domain/open-secret.ts";
import { journalIn } from "./journal.ts";

const secret = "sk-ant-0123456789";
const root = mkdtempSync(join(tmpdir(), "loopr-t-journal-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** What was shown, and what was recorded. */
function said(name: string, pieces: [stream: string, text: string][]): { shown: string; stored: string } {
  let shown = "";
  const directory = join(root, name);
  {
    const redact = (text: string) => text.replaceAll(secret, "[key]");
    using journal = journalIn(
      directory,
      { redact, openSecret: (text) => openSecret(text, [secret]) },
      (_stream, text) => {
        shown += text;
      },
    );
    for (const [stream, text] of pieces) journal.output(stream, text);
  }
  return { shown, stored: readFileSync(join(directory, "output.log"), "utf8") };
}

describe("what a loop says", () => {
  const text = `before ${secret} and ${secret}\nafter\n`;
  test.each([1, 2, 3, 7, 16, 17, 100])("in pieces of %d characters no secret gets out", (length) => {
    const pieces = [...text.matchAll(new RegExp(`[^]{1,${length}}`, "g"))].map(
      ([piece]): [string, string] => ["tool", piece],
    );
    const clean = "before [key] and [key]\nafter\n";
    expect(said(`pieces-${length}`, pieces)).toEqual({ shown: clean, stored: clean });
  });

  test("what only looks like the beginning of one is shown, at the latest with the next voice or the end", () => {
    const { shown, stored } = said("beginning", [
      ["model", "it says sk-"],
      ["tool", "• run_command x\n"],
      ["model", "s"],
    ]);
    expect(shown).toBe("it says sk-\n• run_command x\ns");
    expect(stored).toBe(shown);
  });
});
