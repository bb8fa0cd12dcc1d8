import { describe, expect, test } from "bun:test";
import { testContext } from "../../test/support/cli.ts";
import { createScreen } from "./screen.ts";

const style = { colour: false, unicode: false, columns: null };
const erase = "\r\x1b[2K";

function screenOn(terminal: boolean) {
  const written: string[] = [];
  const context = testContext();
  context.say = (text) => written.push(`${text}\n`);
  context.note = (text) => written.push(`note ${text}\n`);
  const write = (text: string) => void written.push(text);
  const screen = createScreen(context, style, () => 0, terminal ? { write, columns: 20 } : null);
  return { screen, written };
}

describe("the status line", () => {
  test("is rewritten in place, below the lines, cut to the terminal, gone at the end", () => {
    const { screen, written } = screenOn(true);
    screen.status("planning");
    screen.status("planning");
    screen.line("a line");
    screen.status("a status far too long");
    screen.close();
    screen.line("after");
    expect(written).toEqual([
      `${erase}| planning (0 ms)`,
      erase,
      "a line\n",
      `${erase}| planning (0 ms)`,
      erase,
      `${erase}| a status far too…`,
      erase,
      "after\n",
    ]);
  });

  test("gives way to a note on stderr, and comes back below it", () => {
    const { screen, written } = screenOn(true);
    screen.status("planning");
    screen.note("reconnecting");
    screen.close();
    expect(written).toEqual([
      `${erase}| planning (0 ms)`,
      erase,
      "note reconnecting\n",
      `${erase}| planning (0 ms)`,
      erase,
    ]);
  });

  test("is not there without a terminal", () => {
    const { screen, written } = screenOn(false);
    screen.status("planning");
    screen.line("a line");
    screen.close();
    expect(written).toEqual(["a line\n"]);
  });

  test("nothing is written into a question", async () => {
    const { screen, written } = screenOn(true);
    screen.status("planning");
    written.length = 0;
    const answer = await screen.asking(async () => {
      screen.line("meanwhile");
      screen.status("executing");
      expect(written).toEqual([erase]);
      return "y";
    });
    expect(answer).toBe("y");
    expect(written).toContain("meanwhile\n");
    expect(written.at(-1)).toBe(`${erase}| executing (0 ms)`);
    screen.close();
  });
});
