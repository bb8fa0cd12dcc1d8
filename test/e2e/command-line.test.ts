// The command line itself: help, version, what is missing or too much, and an output that cannot be written.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { program, withHome } from "../support/harness.ts";

const deadlineMs = 30_000;

test(
  "a group of commands alone says which ones there are: exit 2",
  () =>
    withHome(async (home) => {
      const text = await home.loopr(["daemon"]);
      expect(text).toMatchObject({ code: 2, stdout: "" });
      expect(text.stderr).toMatch(
        /^error: 'loopr daemon' needs a command: start, stop, [a-z, ]+\n {2}hint: /,
      );
      const document = await home.loopr(["daemon", "--json"]);
      expect(document).toMatchObject({ code: 2, stderr: "" });
      expect(JSON.parse(document.stdout)).toMatchObject({ error: { code: "usage" } });
    }),
  deadlineMs,
);

test(
  "help as a command, of the program, of a group and of a command",
  () =>
    withHome(async (home) => {
      for (const [words, usage] of [
        [["help"], "Usage: loopr [options] [command]"],
        [["help", "run"], "Usage: loopr run [options] [task...]"],
        [["help", "daemon"], "Usage: loopr daemon [options] [command]"],
        [["help", "daemon", "stop"], "Usage: loopr daemon stop [options]"],
        [["daemon", "help", "stop"], "Usage: loopr daemon stop [options]"],
      ] as const) {
        const said = await home.loopr([...words]);
        expect(said).toMatchObject({ code: 0, stderr: "" });
        expect(said.stdout).toStartWith(`${usage}\n`);
      }
      const unknown = await home.loopr(["help", "nonsense"]);
      expect(unknown).toMatchObject({ code: 2, stdout: "" });
      expect(unknown.stderr).toStartWith("error: there is no command 'nonsense', and no topic\n");
      expect(unknown.stderr).toContain("topics: configuration, loop-types, scripted-model\n");
    }),
  deadlineMs,
);

test(
  "help on topics is what the pages say, for whoever has the executable alone",
  () =>
    withHome(async (home) => {
      for (const [topic, title, parts] of [
        [
          "configuration",
          "CONFIGURATION",
          ["\nvalidation.command\n    default: null\n", "\nLOOPR_HOME\n    the home"],
        ],
        [
          "loop-types",
          "TYPES OF LOOPS",
          ["\nextends\n    the type that it is made from", "\n    extends: code\n"],
        ],
        [
          "scripted-model",
          "THE SCRIPTED MODEL",
          ["\ndelay_ms\n    how long", "\n    entries:\n      - loop: plan\n"],
        ],
      ] as const) {
        const said = await home.ok(["help", topic]);
        expect(said).toStartWith(title);
        for (const part of parts) expect(said).toContain(part);
        // No prose of Markdown: tables, links, headings. Lines fit a terminal, but for code as it is written.
        const prose = said.split("\n").filter((line) => !line.startsWith("    "));
        expect(prose.filter((line) => /^\||\]\(|^#|\*\*|`|docs\//.test(line) || line.length > 100)).toEqual(
          [],
        );
        expect(JSON.parse(await home.ok(["help", topic, "--json"]))).toEqual({ help: said.trimEnd() });
      }
      expect(await home.ok(["help"])).toContain(
        "Topics of loopr help: configuration, loop-types, scripted-model\n",
      );
      expect(existsSync(home.dir)).toBe(false);
    }),
  deadlineMs,
);

test(
  "help and version are one document with --json",
  () =>
    withHome(async (home) => {
      expect(JSON.parse(await home.ok(["--version", "--json"]))).toEqual({
        version: expect.any(String) as unknown,
        build: expect.any(String) as unknown,
      });
      const help = JSON.parse(await home.ok(["run", "--help", "--json"])) as { help: string };
      expect(help.help).toStartWith("Usage: loopr run [options]");
    }),
  deadlineMs,
);

test(
  "an empty id and a word too much are wrong usage, and start no daemon",
  () =>
    withHome(async (home) => {
      for (const args of [
        ["status", ""],
        ["watch", " "],
        ["list", "more"],
        ["doctor", "more"],
      ]) {
        const refused = await home.loopr(args);
        expect([args, refused.code, refused.stdout]).toEqual([args, 2, ""]);
      }
      expect((await home.loopr(["status", ""])).stderr).toStartWith("error: the id is empty\n");
      expect(existsSync(home.dir)).toBe(false);
    }),
  deadlineMs,
);

test(
  "an output that cannot be written is said in words, without a stack",
  () =>
    withHome(async (home) => {
      for (const args of ["--help", "help", "--version", "--version --json", "list", "list --json"]) {
        const said = await home.exec("sh", ["-c", `'${program}' ${args} > /dev/full`]);
        expect([args, said.code]).toEqual([args, 1]);
        expect(said.stderr).toMatch(
          /^error: standard output cannot be written: ENOSPC[^\n]*\n {2}hint: make room [^\n]*\n$/,
        );
      }
    }),
  deadlineMs,
);

test(
  "options that contradict each other are wrong usage, both named, and start no daemon",
  () =>
    withHome(async (home) => {
      const repo = home.repository();
      for (const [args, first, second] of [
        [["run", "--check", "true", "--no-check", "x"], "--check", "--no-check"],
        [["run", "--no-check", "--check", "true", "x"], "--check", "--no-check"],
        [["plan", "--no-check", "--check=true", "x"], "--check", "--no-check"],
        [["run", "--levels", "code", "--depth", "code", "x"], "--levels", "--depth"],
        [["plan", "--file", "task.md", "x"], "words", "--file"],
        [["edit", "a1b2", "--file", "plan.yml", "--print"], "--file", "--print"],
        [["logs", "a1b2", "--iteration", "1", "--follow"], "--iteration", "--follow"],
      ] as const) {
        const refused = await home.loopr([...args], { cwd: repo.dir });
        expect([args, refused.code, refused.stdout]).toEqual([args, 2, ""]);
        const [line = ""] = refused.stderr.split("\n");
        expect(line).toContain(first);
        expect(line).toContain(second);
        expect(line).toMatch(/\bboth\b/);
        const document = await home.loopr([...args, "--json"], { cwd: repo.dir });
        expect([args, document.code, document.stderr]).toEqual([args, 2, ""]);
        expect(JSON.parse(document.stdout)).toMatchObject({ error: { code: "usage" } });
      }
      // Said twice the same way is no contradiction.
      expect((await home.loopr(["run", "--no-check", "--no-check"], { cwd: repo.dir })).stderr).toContain(
        "no task",
      );
      expect(existsSync(home.dir)).toBe(false);
    }),
  deadlineMs,
);
