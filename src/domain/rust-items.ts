// The items of a Rust source file, told without compiling it: as far as the protection of its tests needs them.

export interface RustItem {
  /** `#[…]` before it, one by one, as `codeOf` has them. */
  attributes: readonly string[];
  /** What stands before its body, as `codeOf` has it: `mod tests`, `fn greets()`. `#![…]` is an item, too. */
  head: string;
  /** Where it stands, its attributes included. */
  from: number;
  to: number;
  /** What is between its braces; null where it has none. */
  body: { from: number; to: number } | null;
}

export interface RustSource {
  text: string;
  /** As long as the text: comments are blank, strings and characters are one sign repeated. */
  masked: string;
}

/** In the place of what is quoted. */
const quoted = "\u0001";
const literalStart = /(?<!\w)(?:[bc]?r(#*)"|[bc]?"|b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'])')/uy;

export function readRust(text: string): RustSource {
  let masked = "";
  while (masked.length < text.length) {
    const at = masked.length;
    const comment = afterComment(text, at);
    const literal = comment > at ? at : afterLiteral(text, at);
    if (comment > at) masked += text.slice(at, comment).replace(/[^\n]/g, " ");
    else masked += literal > at ? quoted.repeat(literal - at) : (text[at] ?? "");
  }
  return { text, masked };
}

function afterComment(text: string, from: number): number {
  if (text.startsWith("//", from)) return orEnd(text, text.indexOf("\n", from));
  if (!text.startsWith("/*", from)) return from;
  let depth = 0;
  for (let at = from; at < text.length;) {
    const two = text.slice(at, at + 2);
    if (two === "/*") depth += 1;
    if (two === "*/") depth -= 1;
    at += two === "/*" || two === "*/" ? 2 : 1;
    if (depth === 0) return at;
  }
  return text.length;
}

/** Past a string or a character; a lifetime is none. */
function afterLiteral(text: string, from: number): number {
  if (!/["'bcr]/.test(text[from] ?? "")) return from;
  literalStart.lastIndex = from;
  const match = literalStart.exec(text);
  if (match === null) return from;
  const open = from + match[0].length;
  if (match[0].endsWith("'")) return open;
  if (match[1] !== undefined) {
    const end = `"${match[1]}`;
    return orEnd(text, text.indexOf(end, open), end.length);
  }
  for (let at = open; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function orEnd(text: string, found: number, past = 0): number {
  return found < 0 ? text.length : found + past;
}

/** The code between two places as it counts: without comments, and however it is laid out. */
export function codeOf({ text, masked }: RustSource, from: number, to: number): string {
  const literals: string[] = [];
  let code = "";
  for (let at = from; at < to;) {
    let end = at;
    while (end < to && masked[end] === quoted) end += 1;
    if (end > at) code += `${quoted}${literals.push(text.slice(at, end)) - 1}${quoted}`;
    else code += masked[end++] ?? "";
    at = end;
  }
  return code
    .replace(/\s+/g, " ")
    .replace(/ ?([^\w\s\u0001]) ?/g, "$1")
    .replace(/,([)\]}])/g, "$1")
    .trim()
    .replace(/\u0001(\d+)\u0001/g, (_, index: string) => literals[Number(index)] ?? "");
}

/** The items between two places, one after the other; what is in their bodies is not among them. */
export function rustItems(source: RustSource, from = 0, to = source.text.length): RustItem[] {
  const items: RustItem[] = [];
  for (let at = afterSpace(source.masked, from, to); at < to;) {
    const item = itemAt(source, at, to);
    items.push(item);
    at = afterSpace(source.masked, Math.max(item.to, at + 1), to);
  }
  return items;
}

function itemAt(source: RustSource, from: number, to: number): RustItem {
  const { masked } = source;
  const attributes: string[] = [];
  let at = from;
  for (;;) {
    const [sign = ""] = /^#\s*!?\s*\[/.exec(masked.slice(at, at + signMax)) ?? [];
    if (sign === "") break;
    const end = afterBrackets(masked, at + sign.length - 1, to);
    const code = codeOf(source, at, end);
    if (code.startsWith("#!")) return { attributes, head: code, from, to: end, body: null };
    attributes.push(code);
    at = afterSpace(masked, end, to);
  }
  const headFrom = at;
  const item = (headTo: number, end: number, body: RustItem["body"]): RustItem => {
    return { attributes, head: codeOf(source, headFrom, headTo), from, to: end, body };
  };
  while (at < to) {
    const char = masked[at] ?? "";
    if (char === ";" || char === "}") return item(at, at + 1, null);
    if (char === "{" && !endsInSemicolon.test(codeOf(source, headFrom, at))) {
      const end = afterBrackets(masked, at, to);
      return item(at, end, { from: at + 1, to: Math.max(at + 1, end - 1) });
    }
    at = /[([{]/.test(char) ? afterBrackets(masked, at, to) : at + 1;
  }
  return item(to, to, null);
}

const signMax = 40;
/** Braces before their end are part of a value. */
const endsInSemicolon =
  /^(pub(\([^)]*\))?)? ?(use\b|extern crate\b|static\b|type\b|let\b|const (?!(fn|unsafe|async|extern)\b))/;

function afterSpace(masked: string, from: number, to: number): number {
  let at = from;
  while (at < to && /\s/.test(masked[at] ?? "")) at += 1;
  return at;
}

/** Past the bracket that closes the one at `from`, of whatever kind those in between are. */
function afterBrackets(masked: string, from: number, to: number): number {
  let depth = 0;
  for (let at = from; at < to; at++) {
    const char = masked[at] ?? "";
    if (/[([{]/.test(char)) depth += 1;
    if (/[)\]}]/.test(char) && --depth === 0) return at + 1;
  }
  return to;
}
