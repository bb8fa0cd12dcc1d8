import { usage } from "./usage.ts";

/** `--iteration N`; null where it is not given. */
export function iterationOf(typed: Readonly<Record<string, unknown>>, key = "iteration"): number | null {
  const text = typed[key];
  if (typeof text !== "string") return null;
  const value = Number(text);
  if (/^\d+$/.test(text) && value > 0 && Number.isSafeInteger(value)) return value;
  throw usage(`--${key} ${text} is not a whole number above 0`, `for example --${key} 2`);
}
