// Sets of characters, as predicates over code points. Unicode's own, as in Rust's regular expressions.

/** Whether a code point belongs. Never called for a byte that is not valid UTF-8. */
export type CharSet = (codePoint: number) => boolean;

export const single =
  (wanted: number): CharSet =>
  (codePoint) =>
    codePoint === wanted;

export const range =
  (from: number, to: number): CharSet =>
  (codePoint) =>
    codePoint >= from && codePoint <= to;

export const not =
  (set: CharSet): CharSet =>
  (codePoint) =>
    !set(codePoint);

export const anyOf =
  (sets: readonly CharSet[]): CharSet =>
  (codePoint) =>
    sets.some((set) => set(codePoint));

export const anything: CharSet = (codePoint) => codePoint !== 10;

/** The same set without regard to upper and lower case. */
export const caseless =
  (set: CharSet): CharSet =>
  (codePoint) =>
    set(codePoint) || variantsOf(codePoint).some(set);

function variantsOf(codePoint: number): number[] {
  const text = String.fromCodePoint(codePoint);
  const lower = text.toLowerCase();
  const upper = text.toUpperCase();
  return [lower, upper, lower.toUpperCase(), upper.toLowerCase()]
    .filter((each) => [...each].length === 1)
    .map((each) => each.codePointAt(0) ?? codePoint);
}

/** `\d`, `\s`, `\w` */
export const digit = property("Nd") ?? range(48, 57);
export const space = property("White_Space") ?? single(32);
export const word = memberOf(/^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u);

/** A Unicode property by its name: `L`, `Greek`, `Script=Greek`, `Uppercase`. Null where there is none. */
export function property(name: string): CharSet | null {
  for (const candidate of [name, `Script=${name}`, `gc=${name}`]) {
    try {
      return memberOf(new RegExp(`^\\p{${candidate}}$`, "u"));
    } catch {
      // Not a property of this kind.
    }
  }
  return null;
}

function memberOf(expression: RegExp): CharSet {
  const ascii = Array.from({ length: 128 }, (_, codePoint) =>
    expression.test(String.fromCodePoint(codePoint)),
  );
  return (codePoint) =>
    codePoint < 128 ? ascii[codePoint] === true : expression.test(String.fromCodePoint(codePoint));
}

const ascii = (expression: RegExp): CharSet => {
  const set = memberOf(expression);
  return (codePoint) => codePoint < 128 && set(codePoint);
};

/** `[[:alpha:]]` and its like are ASCII. */
export const posix: ReadonlyMap<string, CharSet> = new Map([
  ["alnum", ascii(/^[0-9A-Za-z]$/)],
  ["alpha", ascii(/^[A-Za-z]$/)],
  ["ascii", range(0, 127)],
  ["blank", ascii(/^[\t ]$/)],
  ["cntrl", (codePoint: number) => codePoint < 32 || codePoint === 127],
  ["digit", ascii(/^[0-9]$/)],
  ["graph", range(33, 126)],
  ["lower", ascii(/^[a-z]$/)],
  ["print", range(32, 126)],
  ["punct", ascii(/^[!-/:-@[-`{-~]$/)],
  ["space", ascii(/^[\t\n\v\f\r ]$/)],
  ["upper", ascii(/^[A-Z]$/)],
  ["word", ascii(/^[0-9A-Za-z_]$/)],
  ["xdigit", ascii(/^[0-9A-Fa-f]$/)],
]);
