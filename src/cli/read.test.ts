import { expect, test } from "bun:test";
import fc from "fast-check";
import { commands } from "./commands.ts";
import type { CommandWords } from "./grammar.ts";
import { createProgram } from "./parser.ts";
import { knownWords } from "./program.ts";
import { read } from "./read.ts";

const roles = { runDaemon: () => Promise.resolve() };

interface Read {
  command: string;
  args: string[];
  options: Record<string, unknown>;
}

/** What the parser makes of it; null where it refuses, or shows help. */
async function parsed(argv: string[]): Promise<Read | null> {
  let found: Read | null = null;
  const program = createProgram(knownWords(roles), false, (command, args, options) => {
    found = { command: command.name, args, options };
    return Promise.resolve();
  });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch {
    return null;
  }
  return found;
}

function quickly(argv: string[]): Read | null {
  const reading = read(argv, knownWords(roles, argv[0]));
  return reading && { ...reading, command: reading.command.name };
}

test.each([
  [["list"]],
  [["list", "-s", "running", "--all-projects"]],
  [["list", "--json"]],
  [["status", "a1b2", "-d", "-v"]],
  [["daemon", "status", "--json"]],
  [["daemon", "logs", "--level", "warn", "-f"]],
  [["run", "add", "a", "flag", "--yes", "--no-check"]],
  [["run", "--check", "npm test", "--no-merge", "add"]],
  [["plan", "--file", "task.md", "--wait"]],
  [["iterate", "a1b2", "-m", "smaller"]],
  [["list", "-c", "loopr.yml"]],
  [[]],
])("%j is read without the parser, as the parser reads it", async (argv) => {
  const reading = quickly(argv);
  expect(reading).not.toBeNull();
  expect(await parsed(argv)).toEqual(reading);
});

test.each([
  [["--json", "list"]],
  [["list", "--help"]],
  [["list", "--status=running"]],
  [["list", "-s"]],
  [["list", "-s", "--json"]],
  [["list", "more"]],
  [["list", "--nonsense"]],
  [["list", "--"]],
  [["status"]],
  [["iterate", "a1b2"]],
  [["daemon"]],
  [["daemon", "nonsense"]],
  [["nonsense"]],
  [["run", "--may-change", "a", "task"]],
])("%j is left to the parser", (argv) => {
  expect(quickly(argv)).toBeNull();
});

test("whatever is read without the parser, the parser reads in the same way", async () => {
  const words = wordsOf(knownWords(roles));
  const line = fc
    .tuple(fc.constantFrom(...Object.keys(commands)), fc.array(fc.constantFrom(...words), { maxLength: 6 }))
    .map(([command, more]) => [command, ...more]);
  await fc.assert(
    fc.asyncProperty(line, async (argv) => {
      const reading = quickly(argv);
      const same = reading === null || Bun.deepEquals(reading, await parsed(argv));
      expect([argv, same]).toEqual([argv, true]);
    }),
    { numRuns: 2_000 },
  );
});

/** Every command's name and flags, some values, and what nobody means. */
function wordsOf(program: CommandWords): string[] {
  const own = program.options.flatMap(({ flags }) => flags.split(/[ ,]+/).filter((word) => /^-/.test(word)));
  const odd = ["-", "--", "", "a1b2", "7", "-7", "--json", "-v", "--no-json", "--level=warn", "-fv"];
  return [program.name, ...own, ...odd, ...program.commands.flatMap(wordsOf)];
}
