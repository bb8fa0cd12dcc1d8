// The interface as a person has it: the built program, a real pseudo-terminal, real key presses.
// @waits
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, signal, until, withHome } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { withPty } from "../support/pty.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";

const ctrlC = "\x03";
const ctrlD = "\x04";
const escape = "\x1b";

describe("starting and quitting", () => {
  test("starts the daemon, quits by Ctrl+C twice, and the daemon goes on", async () => {
    await withHome(async (home) => {
      await withPty(home, {}, async (pty) => {
        await pty.shows("No loops");
        expect(pty.xterm.buffer.active.type).toBe("alternate");
        pty.press("q");
        pty.press(ctrlC);
        await pty.shows("To quit, press Ctrl+C (or Ctrl+D) twice");
        pty.press(ctrlC, ctrlC);
        expect(await pty.exited()).toBe(0);
        await until(() => pty.xterm.buffer.active.type === "normal", 10_000, "the ordinary screen");
      });
      const pid = home.daemonPid();
      expect(pid !== null && isAlive(pid)).toBe(true);
    });
  });

  test("gives the terminal back as it was: settings, screen, cursor", async () => {
    await withHome(async (home) => {
      const shell = 'stty -g; "$LOOPR"; echo "code $?"; stty -g; echo end';
      await withPty(home, { shell, columns: 250 }, async (pty) => {
        await pty.shows("No loops");
        pty.press(ctrlD, ctrlD);
        await pty.shows(/^end$/m);
        const [before, code, after, end] = pty.screen().filter((line) => line !== "");
        expect([code, end]).toEqual(["code 0", "end"]);
        expect(after).toBe(before ?? "");
        expect(pty.raw().lastIndexOf("\x1b[?25h")).toBeGreaterThan(pty.raw().lastIndexOf("\x1b[?25l"));
      });
    });
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("%s gives the terminal back too", async (name, code) => {
    await withHome(async (home) => {
      await withPty(home, {}, async (pty) => {
        await pty.shows("No loops");
        signal(pty.pid, name);
        expect(await pty.exited()).toBe(code);
        await until(() => pty.xterm.buffer.active.type === "normal", 10_000, "the ordinary screen");
      });
    });
  });

  test("ends when its window is closed", async () => {
    await withHome(async (home) => {
      await withPty(home, {}, async (pty) => {
        await pty.shows("No loops");
        pty.close();
        await pty.exited();
      });
    });
  });

  test("a daemon that cannot be started is an error on the ordinary screen", async () => {
    await withHome(async (home) => {
      home.repository({ name: "file", files: {} });
      await withPty(home, { env: { LOOPR_HOME: "/proc/nothing/here" } }, async (pty) => {
        expect(await pty.exited()).toBe(4);
        const shown = await pty.shows("error: ");
        expect(shown).toContain("hint: ");
        await until(() => pty.xterm.buffer.active.type === "normal", 10_000, "the ordinary screen");
      });
    });
  });

  test("without a terminal, with an unknown word, on a dumb terminal: usage errors", async () => {
    await withHome(async (home) => {
      const piped = await home.loopr([]);
      expect(piped).toMatchObject({ code: 2, stdout: "" });
      expect(piped.stderr).toContain("hint: ");
      const word = await home.loopr(["lst"]);
      expect(word).toMatchObject({ code: 2, stdout: "" });
      expect(word.stderr).toContain("unknown command 'lst'");
      expect(await home.loopr(["--json"])).toMatchObject({ code: 2 });
      await withPty(home, { args: ["lst"] }, async (pty) => expect(await pty.exited()).toBe(2));
      await withPty(home, { env: { TERM: "dumb" } }, async (pty) => expect(await pty.exited()).toBe(2));
      expect(home.daemonPid()).toBeNull();
    });
  });
});

describe("a daemon that hangs", () => {
  test("is told after a few seconds, and so is that it answers again", async () => {
    await withHome(async (home) => {
      await withPty(home, { columns: 120 }, async (pty) => {
        await pty.shows("No loops");
        const pid = home.daemonPid() ?? 0;
        signal(pid, "SIGSTOP");
        await pty.shows(/Loopr not responding since \d\d:\d\d:\d\d/);
        await pty.shows("loopr daemon restart");
        signal(pid, "SIGCONT");
        await pty.hides("not responding");
        await pty.hides("loopr daemon restart");
        pty.press(ctrlC, ctrlC);
        expect(await pty.exited()).toBe(0);
      });
    });
  }, 90_000);
});

describe("the terminal", () => {
  test("is followed when it is resized, and kept to its character set and colours", async () => {
    await withHome(async (home) => {
      await withPty(home, { env: { LANG: "C" } }, async (pty) => {
        await pty.shows("No loops");
        pty.resize(132, 43);
        await until(() => pty.screen()[42]?.includes("quit"), 10_000, "the keys on the last row");
        pty.resize(60, 12);
        await until(() => pty.screen()[11]?.includes("help"), 10_000, "the keys on the last row");

        expect(pty.screen().join("")).toMatch(/^[\x00-\x7f]*$/);
        // The home's environment sets NO_COLOR.
        expect(pty.raw()).not.toMatch(/\x1b\[(?:\d+;)*(?:[34][0-8]|[49][0-7])(?:;\d+)*m/);
        pty.press("?");
        await pty.shows("Help");
        pty.press(escape);
        await pty.hides("Help");
      });
    });
  });
});

const plan = {
  title: "Greet the world",
  summary: "One word more.",
  specs: [{ name: "world", description: "Say hello world", depends_on: [], level: "code" }],
};

/** A plan, then another one after feedback, then the code. */
const planner: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (!request.tools.includes("create_plan")) {
    return [tool("write_file", { path: "greet.sh", content: goodGreet })];
  }
  const title = request.prompt.includes("politely") ? "Greet the world politely" : plan.title;
  return [tool("create_plan", { ...plan, title })];
};

describe("a run", () => {
  test("from the plan through feedback and approval to verified, and the daemon killed in between", async () => {
    await withRuns(planner, async (bed) => {
      const { home, repo, env } = bed;
      const created = await bed.loopr([
        "plan",
        "--check",
        "sh test.sh",
        "--levels",
        "plan,code",
        "Greet",
        "--json",
      ]);
      expect(created).toMatchObject({ code: 0 });
      const id = String(json(created)["id"]);
      const EDITOR = join(home.root, "my-editor");
      const asks = `trap '' INT; printf 'Which name? '; read name; sed -i "s/name: world/name: $name/" "$1"`;
      writeFileSync(EDITOR, `#!/bin/sh\n${asks}\n`, { mode: 0o755 });
      await withPty(home, { cwd: repo.dir, env: { ...env, EDITOR } }, async (pty) => {
        await pty.shows("A plan waits for your approval (press p)");
        pty.press("p");
        expect(await pty.shows("Plan to approve")).toContain("Greet");
        await pty.shows("#1  world");
        pty.press("i", ..."more polite");

        const daemon = home.daemonPid();
        if (daemon === null) throw new Error("no daemon");
        signal(daemon, "SIGKILL");
        await until(() => !isAlive(daemon), 10_000, "the daemon to be gone");
        await until(() => ![null, daemon].includes(home.daemonPid()), 20_000, "another daemon");
        await pty.hides("reconnecting");
        expect(await pty.shows("more polite")).toContain("Plan to approve");

        pty.press(..."ly".split(""), "\r");
        await pty.shows("Sent back");
        await pty.shows("A plan waits for your approval (press p)");
        pty.press("p");
        await pty.shows("Plan to approve");
        await pty.shows("#1  world");
        // The editor has the terminal and the keys to itself, Ctrl-C too; then they are the interface's again.
        pty.press("e");
        await pty.shows("Which name?");
        pty.press(ctrlC, ..."everyone", "\r");
        await pty.shows("#1  everyone");
        await pty.shows("version 3, edited by a person");
        pty.press("a");
        await pty.shows("Approved: 1 spec under way.");
        await until(
          async () => json(await bed.loopr(["status", id, "--json"]))["run_state"] === "verified",
          60_000,
          "verified",
        );
        await pty.shows("verified");
        pty.press("j", "o");
        await pty.shows("Done.");
        pty.press("\t");
        await pty.shows("sh test.sh");
        await pty.shows("exit 0");
        pty.press("d");
        await pty.shows('+echo "hello world"');
        pty.press(ctrlC, ctrlC);
        expect(await pty.exited()).toBe(0);
      });
    });
  });
});
