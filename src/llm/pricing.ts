// What a model call costs. Dollars per million tokens, from Anthropic's price list of November 2026
// (platform.claude.com/docs/en/about-claude/pricing); cache writes at the 5-minute rate, which is what is used.
import type { Usage } from "../engine/ports.ts";

interface Price {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

interface ModelPrice extends Price {
  /** Names begin so; the longest such beginning counts. Dated names (claude-…-20251001) are covered. */
  prefix: string;
  /** Requests whose whole prompt, cached parts included, is longer than this many tokens cost `long`. */
  longAbove?: number;
  long?: Price;
}

/** A cache write costs 1.25 times the input; a read is given, since it differs between models. */
const price = (input: number, output: number, cacheRead: number): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite: input * 1.25,
});

const prices: readonly ModelPrice[] = [
  { prefix: "claude-mythos-preview", ...price(25, 125, 2.5) },
  { prefix: "claude-mythos-5", ...price(10, 50, 1) },
  { prefix: "claude-mythos-5-1", ...price(10, 50, 0.25) },
  { prefix: "claude-mythos-5-2", ...price(8, 40, 0.2) },
  { prefix: "claude-fable-5", ...price(10, 50, 1) },
  { prefix: "claude-fable-5-1", ...price(10, 50, 0.25) },
  { prefix: "claude-fable-5-2", ...price(8, 40, 0.2) },
  { prefix: "claude-opus-4", ...price(5, 25, 0.5) },
  { prefix: "claude-opus-4-0", ...price(15, 75, 1.5) },
  { prefix: "claude-opus-4-1", ...price(15, 75, 1.5) },
  { prefix: "claude-opus-4-2025", ...price(15, 75, 1.5) },
  { prefix: "claude-opus-5", ...price(5, 25, 0.5) },
  { prefix: "claude-opus-5-5", ...price(4, 20, 0.2) },
  { prefix: "claude-sonnet-4", ...price(3, 15, 0.3) },
  { prefix: "claude-sonnet-5", ...price(2, 10, 0.2) },
  { prefix: "claude-sonnet-5-5", ...price(2, 10, 0.1) },
  { prefix: "claude-haiku-4-5", ...price(1, 5, 0.1) },
  { prefix: "claude-haiku-5-5", ...price(0.1, 0.5, 0.01), longAbove: 100_000, long: price(0.5, 2.5, 0.05) },
];

const mostExpensive = prices.reduce((a, b) => (b.output > a.output ? b : a));
const million = 1_000_000;

/**
 * Dollars for the tokens of one request. A model that is not in the list counts as the most expensive one
 * that is: a budget may then end too early, never too late.
 */
export function costOf(model: string, usage: Usage): number {
  const found = priceOf(model);
  const prompt = usage.input + usage.cache_read + usage.cache_write;
  const rate = found.long && prompt > (found.longAbove ?? Infinity) ? found.long : found;
  return (
    (usage.input * rate.input +
      usage.output * rate.output +
      usage.cache_read * rate.cacheRead +
      usage.cache_write * rate.cacheWrite) /
    million
  );
}

function priceOf(model: string): ModelPrice {
  // Gateways put a provider or a region before the name: `anthropic/claude-…`, `us.anthropic.claude-…`.
  const at = model.indexOf("claude-");
  const name = at >= 0 ? model.slice(at) : model;
  const matching = prices.filter(({ prefix }) => name.startsWith(prefix));
  return matching.sort((a, b) => b.prefix.length - a.prefix.length)[0] ?? mostExpensive;
}
