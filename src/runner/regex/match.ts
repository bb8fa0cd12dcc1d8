// Whether a line matches, in time proportional to its length whatever the pattern: a pattern like (a+)+$
// must not keep the runner from its heartbeat. Thompson's construction, with states made as they are met.
import { word, type CharSet } from "./classes.ts";
import { parseRegex, RegexError, type Look, type Node } from "./parse.ts";

const instructionsMax = 20_000;
/** More states than this are forgotten and made again: memory stays bounded. */
const statesMax = 2_000;

type Instruction =
  | { op: "char"; set: CharSet; next: number }
  | { op: "look"; look: Look; next: number }
  | { op: "fork"; next: number[] }
  | { op: "match" };

export interface LineMatcher {
  /** `bytes[start, end)` is one line without its end. Invalid UTF-8 in it matches nothing. */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}

/** Throws RegexError. */
export function compileRegex(pattern: string): LineMatcher {
  const program: Instruction[] = [{ op: "match" }];
  const entry = emit(program, parseRegex(pattern), 0);
  return new Automaton(program, entry);
}

/** Appends the instructions of a node that go on at `next`; returns where they begin. */
function emit(program: Instruction[], node: Node, next: number): number {
  if (program.length > instructionsMax)
    throw new RegexError("the pattern is too large: shorten its repetitions");
  const add = (instruction: Instruction) => program.push(instruction) - 1;
  switch (node.kind) {
    case "char":
      return add({ op: "char", set: node.set, next });
    case "look":
      return add({ op: "look", look: node.look, next });
    case "sequence":
      return node.nodes.reduceRight((at, each) => emit(program, each, at), next);
    case "either":
      return add({ op: "fork", next: node.nodes.map((each) => emit(program, each, next)) });
    case "repeat": {
      let at = next;
      if (node.max === null) {
        const loop: Instruction = { op: "fork", next: [next] };
        at = add(loop);
        loop.next.push(emit(program, node.node, at));
      } else {
        for (let n = node.min; n < node.max; n++) {
          at = add({ op: "fork", next: [next, emit(program, node.node, at)] });
        }
      }
      for (let n = 0; n < node.min; n++) at = emit(program, node.node, at);
      return at;
    }
  }
}

/** Where the automaton is between two characters. */
interface State {
  /** Instructions to go on with, before those that consume nothing are followed. */
  core: readonly number[];
  atStart: boolean;
  afterWord: boolean;
  /** By code point: the state after it, or null where the line matches already. */
  ascii: (State | null | undefined)[];
  others: Map<number, State | null>;
  matchesAtEnd: boolean | undefined;
}

const invalid = -1;

class Automaton implements LineMatcher {
  readonly #program: readonly Instruction[];
  readonly #entry: number;
  #states = new Map<string, State>();
  readonly #start: State;

  constructor(program: readonly Instruction[], entry: number) {
    this.#program = program;
    this.#entry = entry;
    this.#start = this.#state([entry], true, false);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    let state = this.#start;
    for (let at = start; at < end;) {
      const first = bytes[at] ?? 0;
      let next;
      if (first < 128) {
        at++;
        next = state.ascii[first];
        if (next === undefined) next = state.ascii[first] = this.#step(state, first);
      } else {
        const [codePoint, length] = decode(bytes, at, end);
        at += length;
        next = state.others.get(codePoint);
        if (next === undefined) {
          next = this.#step(state, codePoint);
          state.others.set(codePoint, next);
        }
      }
      if (next === null) return true;
      state = next;
    }
    state.matchesAtEnd ??= this.#closure(state, invalid, true) === null;
    return state.matchesAtEnd;
  }

  #step(state: State, codePoint: number): State | null {
    const reached = this.#closure(state, codePoint, false);
    if (reached === null) return null;
    const core = new Set([this.#entry]); // a match may begin anywhere
    for (const index of reached) {
      const instruction = this.#program[index];
      if (instruction?.op === "char" && codePoint !== invalid && instruction.set(codePoint)) {
        core.add(instruction.next);
      }
    }
    return this.#state(
      [...core].sort((a, b) => a - b),
      false,
      isWord(codePoint),
    );
  }

  /** What is reached without consuming, seeing the character that follows. Null: the end of the pattern. */
  #closure(state: State, following: number, atEnd: boolean): Set<number> | null {
    const boundary = state.afterWord !== (!atEnd && isWord(following));
    const holds = { start: state.atStart, end: atEnd, wordBoundary: boundary, noWordBoundary: !boundary };
    const reached = new Set<number>();
    const open = [...state.core];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const instruction = this.#program[index];
      if (instruction?.op === "match") return null;
      if (instruction?.op === "fork") open.push(...instruction.next);
      if (instruction?.op === "look" && holds[instruction.look]) open.push(instruction.next);
    }
    return reached;
  }

  #state(core: readonly number[], atStart: boolean, afterWord: boolean): State {
    const key = `${core.join(",")};${atStart};${afterWord}`;
    const known = this.#states.get(key);
    if (known) return known;
    if (this.#states.size >= statesMax) this.#forget();
    const state = { core, atStart, afterWord, ascii: [], others: new Map(), matchesAtEnd: undefined };
    this.#states.set(key, state);
    return state;
  }

  /** What hangs on the first state is all that is kept alive, so it must not lead anywhere any more. */
  #forget(): void {
    this.#states = new Map();
    this.#start.ascii = [];
    this.#start.others = new Map();
  }
}

function isWord(codePoint: number): boolean {
  return codePoint !== invalid && word(codePoint);
}

/** One character of UTF-8 and its length; an invalid byte alone. */
function decode(bytes: Uint8Array, at: number, end: number): [codePoint: number, length: number] {
  const first = bytes[at] ?? 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > end) return [invalid, 1];
  let codePoint = first & (0xff >> (length + 1));
  for (let n = 1; n < length; n++) {
    const byte = bytes[at + n] ?? 0;
    if ((byte & 0xc0) !== 0x80) return [invalid, 1];
    codePoint = codePoint * 64 + (byte & 0x3f);
  }
  const least = length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80;
  const valid = codePoint >= least && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
  return valid ? [codePoint, length] : [invalid, 1];
}
