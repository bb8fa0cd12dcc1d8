import { expect, test } from "bun:test";
import { keptFeedback } from "./prompts.ts";

test("a loop's record keeps of its feedback what prompts show", () => {
  const output = `First words. ${"x".repeat(60_000)} last words.`;
  const entry = (iteration: number, layer = "check") => ({ iteration, layer, text: output });
  let feedback: ReturnType<typeof keptFeedback> = [];
  for (let n = 1; n <= 14; n++)
    feedback = keptFeedback([...feedback, entry(n, n === 6 ? "person" : "check")]);
  expect(feedback.map(({ iteration }) => iteration)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  for (const { iteration, text } of feedback) {
    const isShown = iteration === 6 || iteration >= 12;
    expect(text.startsWith("First words.")).toBe(true);
    expect([iteration, text.endsWith("last words."), text.length > 15_000]).toEqual([
      iteration,
      isShown,
      isShown,
    ]);
    expect(text.length).toBeLessThanOrEqual(16_000);
    // What was cut says of how much, once.
    expect(text.split("characters cut").length).toBe(isShown ? 2 : 1);
  }
  expect(keptFeedback([{ iteration: 1, layer: "check", text: "short" }])).toEqual([
    { iteration: 1, layer: "check", text: "short" },
  ]);
});
