// Parses what stands between square brackets: ranges, nested classes, set operations.
import { anyOf, not, posix, range, single, type CharSet } from "./classes.ts";
import type { Parser } from "./parse.ts";

/** After the opening bracket; consumes the closing one. */
export function parseClass(parser: Parser): CharSet {
  const negated = parser.take("^");
  const items: CharSet[] = [];
  // A bracket or hyphens at the start stand for themselves.
  while (parser.peek() === "-" && !startsOperator(parser)) items.push(single(codePoint(parser.next())));
  if (items.length === 0 && parser.take("]")) items.push(single(0x5d));
  let set = union(parser, items);
  for (;;) {
    if (parser.take("&&")) set = both(set, union(parser, []));
    else if (parser.take("--")) set = both(set, not(union(parser, [])));
    else if (parser.take("~~")) set = unlike(set, union(parser, []));
    else break;
  }
  if (!parser.take("]")) parser.fail("a character class is not closed: write \\[ for a bracket");
  return negated ? not(set) : set;
}

/** Items up to the closing bracket or a set operator. */
function union(parser: Parser, items: CharSet[]): CharSet {
  while (!parser.atEnd && parser.peek() !== "]" && !startsOperator(parser)) items.push(item(parser));
  return anyOf(items);
}

function item(parser: Parser): CharSet {
  if (parser.peek() === "[") {
    const named = posixClass(parser);
    if (named) return named;
    parser.next();
    return parseClass(parser);
  }
  const from = member(parser);
  if (typeof from !== "number") return from;
  if (parser.peek() !== "-" || parser.peek(1) === "]" || parser.peek(1) === "-") return single(from);
  parser.next();
  const to = member(parser);
  if (typeof to !== "number" || to < from) return parser.fail("a range in a character class is not valid");
  return range(from, to);
}

function member(parser: Parser): number | CharSet {
  const char = parser.next();
  if (char === "") parser.fail("a character class is not closed: write \\[ for a bracket");
  return char === "\\" ? parser.escape() : codePoint(char);
}

function posixClass(parser: Parser): CharSet | null {
  if (parser.peek(1) !== ":") return null;
  for (const [name, set] of posix) {
    if (parser.take(`[:${name}:]`)) return set;
    if (parser.take(`[:^${name}:]`)) return not(set);
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
