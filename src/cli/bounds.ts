// How much of its bounds a loop has used: a line for each.
import { amountOf, type Bound } from "../domain/bounds.ts";
import type { Loop } from "../domain/loop.ts";

export function boundLines(bounds: readonly Bound[], loop: Loop, short: (id: string) => string): string[] {
  return bounds.map(({ owner, kind, limit, used }) => {
    const whose = owner === null ? "of the run" : owner === loop.id ? "" : `of its parent ${short(owner)}`;
    // The unit is said once.
    const amount = kind === "usd" ? amountOf(kind, used) : amountOf(kind, used).split(" ")[0];
    const line = `${amount} of at most ${amountOf(kind, limit)}`;
    return whose ? `${line} ${whose}` : line;
  });
}
