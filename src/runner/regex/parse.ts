// Parses regular expressions in the syntax of ripgrep (Rust's regex crate), which grep's own search uses
// where ripgrep is not installed. Format: https://docs.rs/regex/latest/regex/#syntax
import { anything, caseless, digit, not, property, single, space, word, type CharSet } from "./classes.ts";
import { parseClass } from "./parse-class.ts";

export type Look = "start" | "end" | "wordBoundary" | "noWordBoundary";

export type Node =
  | { kind: "char"; set: CharSet }
  | { kind: "look"; look: Look }
  | { kind: "sequence"; nodes: Node[] }
  | { kind: "either"; nodes: Node[] }
  /** `max` null: without a bound. */
  | { kind: "repeat"; node: Node; min: number; max: number | null };

/** The pattern is not one, or uses what a linear search cannot do. The message names the place. */
export class RegexError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RegexError";
  }
}

/** What ignoring case does to a set. Before it is negated: (?i)[^a] is neither a nor A. */
export type Fold = (set: CharSet) => CharSet;

interface Flags {
  caseless: boolean;
  verbose: boolean;
}

const nestingMax = 200;
const repetitionMax = 1_000;
const empty: Node = { kind: "sequence", nodes: [] };

function foldOf(flags: Flags): Fold {
  return flags.caseless ? caseless : (set) => set;
}

export function parseRegex(pattern: string): Node {
  const parser = new Parser(pattern);
  const node = parser.either({ caseless: false, verbose: false }, 0);
  if (!parser.atEnd) parser.fail("unopened group: write \\) for a parenthesis");
  return node;
}

/** Reads code points from left to right; the class parser shares it. */
export class Parser {
  readonly #chars: string[];
  #at = 0;

  constructor(pattern: string) {
    this.#chars = [...pattern];
  }

  get atEnd(): boolean {
    return this.#at >= this.#chars.length;
  }

  peek(ahead = 0): string {
    return this.#chars[this.#at + ahead] ?? "";
  }

  next(): string {
    return this.#chars[this.#at++] ?? "";
  }

  /** Consumes the text if it is next. */
  take(text: string): boolean {
    if (![...text].every((char, index) => this.peek(index) === char)) return false;
    this.#at += text.length;
    return true;
  }

  fail(message: string): never {
    throw new RegexError(`${message} (at character ${this.#at})`);
  }

  either(flags: Flags, depth: number): Node {
    if (depth > nestingMax) this.fail("groups are nested too deeply");
    const nodes = [this.#sequence(flags, depth)];
    while (this.take("|")) nodes.push(this.#sequence(flags, depth));
    return nodes.length === 1 ? (nodes[0] ?? empty) : { kind: "either", nodes };
  }

  #sequence(outer: Flags, depth: number): Node {
    const flags = outer; // (?i) holds to the end of the group, alternatives included
    const nodes: Node[] = [];
    for (;;) {
      if (flags.verbose) this.#skipBlanks();
      const char = this.peek();
      if (char === "" || char === "|" || char === ")") return { kind: "sequence", nodes };
      if ("*+?{".includes(char)) this.#repeatLast(nodes);
      else nodes.push(...this.#atom(flags, depth));
    }
  }

  #atom(flags: Flags, depth: number): Node[] {
    const char = this.next();
    if (char === "(") return this.#group(flags, depth);
    if (char === "[") return [{ kind: "char", set: parseClass(this, foldOf(flags)) }];
    if (char === ".") return [{ kind: "char", set: anything }];
    if (char === "^") return [{ kind: "look", look: "start" }];
    if (char === "$") return [{ kind: "look", look: "end" }];
    if (char !== "\\") return [this.#literal(char.codePointAt(0) ?? 0, flags)];
    const look = this.#lookEscape();
    if (look) return [{ kind: "look", look }];
    const escaped = this.escape(foldOf(flags));
    return [typeof escaped === "number" ? this.#literal(escaped, flags) : { kind: "char", set: escaped }];
  }

  #literal(codePoint: number, flags: Flags): Node {
    if (codePoint === 10) this.fail("a pattern is matched within one line: it cannot hold a line break");
    return { kind: "char", set: foldOf(flags)(single(codePoint)) };
  }

  #lookEscape(): Look | null {
    if (this.take("b")) return "wordBoundary";
    if (this.take("B")) return "noWordBoundary";
    if (this.take("A")) return "start";
    return this.take("z") ? "end" : null;
  }

  /** What follows a backslash: a character, or a set of them. */
  escape(fold: Fold): number | CharSet {
    const char = this.next();
    const set = { d: digit, s: space, w: word, D: not(digit), S: not(space), W: not(word) }[char];
    if (set) return set;
    const control = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7 }[char];
    if (control !== undefined) return control;
    if (char === "p" || char === "P") return this.#property(char === "P", fold);
    if (char === "x" || char === "u" || char === "U") return this.#hexadecimal({ x: 2, u: 4, U: 8 }[char]);
    if (char === "") this.fail("the pattern ends with a backslash");
    if (/[0-9]/.test(char)) this.fail("backreferences are not supported");
    if (/[\p{L}<>]/u.test(char) || char.charCodeAt(0) > 127) this.fail(`\\${char} is no escape sequence`);
    return char.codePointAt(0) ?? 0;
  }

  #property(negated: boolean, fold: Fold): CharSet {
    let name = this.next();
    if (name === "{") {
      name = "";
      while (!this.atEnd && this.peek() !== "}") name += this.next();
      if (!this.take("}")) this.fail("\\p{ is not closed");
    }
    const inverted = name.startsWith("^");
    const set = property(inverted ? name.slice(1) : name);
    if (set === null) return this.fail(`${JSON.stringify(name)} is no Unicode property`);
    return negated !== inverted ? not(fold(set)) : fold(set);
  }

  #hexadecimal(digits: number): number {
    let text = "";
    if (this.take("{")) {
      while (!this.atEnd && this.peek() !== "}") text += this.next();
      if (!this.take("}")) this.fail("a hexadecimal escape is not closed");
    } else {
      while (text.length < digits && !this.atEnd) text += this.next();
      if (text.length < digits) this.fail("a hexadecimal escape is too short");
    }
    const codePoint = /^[0-9a-fA-F]{1,8}$/.test(text) ? Number.parseInt(text, 16) : Number.NaN;
    if (Number.isNaN(codePoint) || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint < 0xe000)) {
      this.fail(`${JSON.stringify(text)} is no character`);
    }
    return codePoint;
  }

  #group(flags: Flags, depth: number): Node[] {
    if (["?=", "?!", "?<=", "?<!"].some((look) => this.take(look))) this.fail("look-around is not supported");
    let inner = { ...flags };
    if (this.take("?P<") || this.take("?<")) {
      while (!this.atEnd && this.peek() !== ">") this.next();
      if (!this.take(">")) this.fail("a group's name is not closed");
    } else if (this.take("?")) {
      inner = this.#flags(flags);
      if (this.take(")")) {
        Object.assign(flags, inner);
        return [];
      }
      if (!this.take(":")) this.fail("unknown group");
    }
    const node = this.either(inner, depth + 1);
    if (!this.take(")")) this.fail("a group is not closed: write \\( for a parenthesis");
    return [node];
  }

  #flags(outer: Flags): Flags {
    const flags = { ...outer };
    let on = true;
    for (; !this.atEnd && this.peek() !== ":" && this.peek() !== ")";) {
      const char = this.next();
      if (char === "-") on = false;
      else if (char === "i") flags.caseless = on;
      else if (char === "x") flags.verbose = on;
      else if (char === "u" && !on) this.fail("(?-u) is not supported");
      // Of no effect on whether one line matches: multi-line, dot and line breaks, greediness, Unicode.
      else if (!"msUuR".includes(char)) this.fail(`unknown flag ${JSON.stringify(char)}`);
    }
    return flags;
  }

  #repeatLast(nodes: Node[]): void {
    const node = nodes.pop();
    const bounds = this.#bounds();
    if (node === undefined)
      return this.fail("nothing to repeat: write \\*, \\+, \\? or \\{ for the character");
    this.take("?"); // whether it is lazy makes no difference to whether a line matches
    nodes.push({ kind: "repeat", node, ...bounds });
  }

  #bounds(): { min: number; max: number | null } {
    const char = this.next();
    if (char === "*") return { min: 0, max: null };
    if (char === "+") return { min: 1, max: null };
    if (char === "?") return { min: 0, max: 1 };
    let text = "";
    while (!this.atEnd && this.peek() !== "}") text += this.next();
    const found = /^\s*(\d+)\s*(,\s*(\d*)\s*)?$/.exec(text);
    if (!this.take("}") || !found) this.fail("a repetition is not {n}, {n,} or {n,m}: write \\{ for a brace");
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] ? Number(found[3]) : null;
    if (Math.max(min, max ?? 0) > repetitionMax) this.fail(`a repetition of more than ${repetitionMax}`);
    if (max !== null && max < min) this.fail("a repetition whose end is below its start");
    return { min, max };
  }

  #skipBlanks(): void {
    for (;;) {
      if (this.peek() === "#") while (!this.atEnd && this.next() !== "\n");
      else if (/^\s$/.test(this.peek())) this.next();
      else return;
    }
  }
}
