// Parses what stands between square brackets: ranges, nested classes, set operations.
import { anyOf, not, posix, range, single, type CharSet } from "./classes.ts";
import type { Fold, Parser } from "./parse.ts";

/** After the opening bracket; consumes the closing one. */
export function parseClass(parser: Parser, fold: Fold): CharSet {
  const negated = parser.take("^");
  const items: CharSet[] = [];
  // A bracket or hyphens at the start stand for themselves.
  while (parser.peek() === "-" && !startsOperator(parser)) items.push(single(codePoint(parser.next())));
  if (items.length === 0 && parser.take("]")) items.push(single(0x5d));
  let set = union(parser, items, fold);
  for (;;) {
    if (parser.take("&&")) set = both(set, union(parser, [], fold));
    else if (parser.take("--")) set = both(set, not(union(parser, [], fold)));
    else if (parser.take("~~")) set = unlike(set, union(parser, [], fold));
    else break;
  }
  if (!parser.take("]")) parser.fail("a character class is not closed: write \\[ for a bracket");
  return negated ? not(set) : set;
}

/** Items up to the closing bracket or a set operator. */
function union(parser: Parser, items: CharSet[], fold: Fold): CharSet {
  while (!parser.atEnd && parser.peek() !== "]" && !startsOperator(parser)) items.push(item(parser, fold));
  return anyOf(items);
}

function item(parser: Parser, fold: Fold): CharSet {
  if (parser.peek() === "[") {
    const named = posixClass(parser, fold);
    if (named) return named;
    parser.next();
    return parseClass(parser, fold);
  }
  const from = member(parser, fold);
  if (typeof from !== "number") return from;
  if (parser.peek() !== "-" || parser.peek(1) === "]" || parser.peek(1) === "-") return fold(single(from));
  parser.next();
  const to = member(parser, fold);
  if (typeof to !== "number" || to < from) return parser.fail("a range in a character class is not valid");
  return fold(range(from, to));
}

function member(parser: Parser, fold: Fold): number | CharSet {
  const char = parser.next();
  if (char === "") parser.fail("a character class is not closed: write \\[ for a bracket");
  return char === "\\" ? parser.escape(fold) : codePoint(char);
}

function posixClass(parser: Parser, fold: Fold): CharSet | null {
  if (parser.peek(1) !== ":") return null;
  for (const [name, set] of posix) {
    if (parser.take(`[:${name}:]`)) return fold(set);
    if (parser.take(`[:^${name}:]`)) return not(fold(set));
  }
  return null;
}

function startsOperator(parser: Parser): boolean {
  const pair = parser.peek() + parser.peek(1);
  return pair === "&&" || pair === "--" || pair === "~~";
}

const both =
  (a: CharSet, b: CharSet): CharSet =>
  (codePoint) =>
    a(codePoint) && b(codePoint);

const unlike =
  (a: CharSet, b: CharSet): CharSet =>
  (codePoint) =>
    a(codePoint) !== b(codePoint);

function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}
