import { expect, test } from "bun:test";
import { defaultConfig } from "../domain/config.ts";
import { costOf } from "./pricing.ts";

const million = 1_000_000;
const usage = (over = {}) => ({ input: 0, output: 0, cache_read: 0, cache_write: 0, ...over });

test.each([
  ["claude-sonnet-5-5", 2, 10, 0.1, 2.5],
  ["claude-sonnet-5", 2, 10, 0.2, 2.5],
  ["claude-sonnet-4-5-20250929", 3, 15, 0.3, 3.75],
  ["claude-opus-5-5", 4, 20, 0.2, 5],
  ["claude-opus-4-8", 5, 25, 0.5, 6.25],
  ["claude-opus-4-20250514", 15, 75, 1.5, 18.75],
  ["claude-haiku-4-5-20251001", 1, 5, 0.1, 1.25],
  ["claude-fable-5-2", 8, 40, 0.2, 10],
  ["claude-fable-5-1", 10, 50, 0.25, 12.5],
  ["us.anthropic.claude-opus-5-5-v1:0", 4, 20, 0.2, 5],
  ["anthropic/claude-sonnet-5-5", 2, 10, 0.1, 2.5],
])("%s: input, output, cache read, cache write", (model, input, output, cacheRead, cacheWrite) => {
  expect(costOf(model, usage({ input: million }))).toBeCloseTo(input, 9);
  expect(costOf(model, usage({ output: million }))).toBeCloseTo(output, 9);
  expect(costOf(model, usage({ cache_read: million }))).toBeCloseTo(cacheRead, 9);
  expect(costOf(model, usage({ cache_write: million }))).toBeCloseTo(cacheWrite, 9);
});

test("a long prompt has its own price where the model has one", () => {
  const short = usage({ input: 40_000, cache_read: 60_000, output: 1000 });
  expect(costOf("claude-haiku-5-5", short)).toBeCloseTo((40_000 * 0.1 + 60_000 * 0.01 + 500) / million, 9);
  const long = usage({ input: 40_001, cache_read: 60_000, output: 1000 });
  expect(costOf("claude-haiku-5-5", long)).toBeCloseTo((40_001 * 0.5 + 60_000 * 0.05 + 2500) / million, 9);
});

test.each(["gpt-6", "claude-next-9", ""])(
  "a model that nobody knows (%p) counts as the most expensive",
  (model) => {
    const some = usage({ input: 1000, output: 1000, cache_read: 1000, cache_write: 1000 });
    for (const known of ["claude-opus-4-1", "claude-fable-5", "claude-mythos-preview"]) {
      expect(costOf(model, some)).toBeGreaterThanOrEqual(costOf(known, some));
    }
  },
);

test("the default model is a known one", () => {
  const some = usage({ output: 1000 });
  expect(costOf(defaultConfig.llm.model, some)).toBeLessThan(costOf("gpt-6", some));
});
