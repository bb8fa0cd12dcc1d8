// The questions on a real pseudo-terminal.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { choiceOf } from "./ask.ts";

const deadlineMs = 20_000;
const script = `
import { createAsk } from ${JSON.stringify(join(import.meta.dir, "ask.ts"))};
const ask = createAsk();
const choices = [{ key: "a", label: "approve" }, { key: "i", label: "iterate" }, { key: "r", label: "reject" }];
const withdrawn = new AbortController();
if (process.argv.includes("withdraw")) setTimeout(() => withdrawn.abort(), 200);
try {
  const answer = await ask.choice("This plan waits:", choices, withdrawn.signal);
  console.log("ANSWER " + answer);
  if (answer === "i") console.log("TEXT " + JSON.stringify(await ask.text("What should change?")));
} catch (error) {
  console.log("THROWN " + error.code);
}
`;

/** Types each text once what it waits for is on the screen. Resolves when the program has ended by itself. */
async function converse(
  steps: [waitFor: string | RegExp, type: string][],
  args: string[] = [],
): Promise<string> {
  let screen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, "-e", script, ...args], {
    env: { ...process.env, TERM: "xterm" },
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, data) => {
        screen += decoder.decode(data, { stream: true });
      },
    },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), deadlineMs);
  try {
    for (const [waitFor, type] of steps) {
      while (typeof waitFor === "string" ? !screen.includes(waitFor) : !waitFor.test(screen)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`no "${String(waitFor)}":\n${screen}`);
        await Bun.sleep(10);
      }
      child.terminal?.write(type);
    }
    expect(await child.exited).toBe(0);
    return screen;
  } finally {
    clearTimeout(timer);
    child.terminal?.close();
  }
}

/** What is typed before the question is there again, the terminal echoes, too. */
function askedAgain(times: number): RegExp {
  return new RegExp(`(?:answer with a letter or a word.*This plan waits: \\(.*){${times}}`, "s");
}

describe("a question at a terminal", () => {
  test("takes a letter or a word, and asks again for anything else", async () => {
    const screen = await converse([
      ["This plan waits: ([a]pprove, [i]terate, [r]eject)", "what\r"],
      [askedAgain(1), "Appr\r"],
    ]);
    expect(screen).toContain("ANSWER a");
  });

  test("shows what is typed once, however often it had to ask", async () => {
    const screen = await converse([
      ["This plan waits:", "bad\r"],
      [askedAgain(1), "worse\r"],
      [askedAgain(2), "i\r"],
      ["What should change?", "nothing\r"],
    ]);
    expect(screen).toContain('TEXT "nothing"');
    expect(screen.match(/[a-z]*w[a-z]*o[a-z]*r[a-z]*s[a-z]*e[a-z]*/g)).toEqual(["worse"]);
  });

  test("takes a line of text with umlauts and editing", async () => {
    const screen = await converse([
      ["This plan waits:", "i\r"],
      ["What should change?", "kleinere Schrittx\x7fe für Ä\r"],
    ]);
    expect(screen).toContain('TEXT "kleinere Schritte für Ä"');
  });

  test("Ctrl-D is no answer", async () => {
    expect(await converse([["This plan waits:", "\x04"]])).toContain("ANSWER null");
  });

  test("Ctrl-C is an interruption", async () => {
    expect(await converse([["This plan waits:", "\x03"]])).toContain("THROWN interrupted");
  });

  test("can be withdrawn", async () => {
    expect(await converse([], ["withdraw"])).toContain("ANSWER null");
  });
});

describe("an answer", () => {
  const choices = [
    { key: "a", label: "approve", also: ["y", "yes"] },
    { key: "i", label: "iterate with feedback" },
  ] as const;
  for (const [answer, key] of [
    ["a", "a"],
    ["A ", "a"],
    ["approve", "a"],
    ["iter", "i"],
    ["", null],
    ["x", null],
    ["approved", null],
    ["Yes", "a"],
    ["ye", null],
  ] as const) {
    test(JSON.stringify(answer), () => expect(choiceOf(answer, [...choices])).toBe(key));
  }
});
