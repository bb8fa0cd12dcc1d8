// One configuration file: its text becomes checked values, each with the line that it stands on.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import { LooprError } from "../lib/errors.ts";
import { configKeys, expectation, nearestKey, sections, type ConfigKey } from "./keys.ts";
import { checkValue } from "./values.ts";

export interface Entry {
  key: ConfigKey;
  value: unknown;
  line: number;
}

/** Problems listed in one error; the rest is counted. */
const problemsShown = 5;
/** Items of a list or mapping. */
const itemsMax = 1000;
/** Characters of a wrong value that an error repeats. */
const shownValueMax = 40;

interface Problem {
  line: number;
  message: string;
  hint: string;
}

/** Parses and checks one file. Throws `config_invalid` naming file, line and key of the first problem. */
export function parseConfigFile(path: string, text: string): Entry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const reader = new Reader(document, lines);
  for (const error of document.errors) {
    const multiple = error.code === "MULTIPLE_DOCS";
    reader.report(
      error.pos[0],
      multiple ? "a second YAML document starts; one file holds one" : `not valid YAML: ${error.message}`,
      error.code === "DUPLICATE_KEY" ? "keep one of the two" : "",
    );
  }
  if (!reader.problems.length) reader.section(document.contents, "");
  if (reader.problems.length) throw asError(path, reader.problems);
  return reader.entries;
}

class Reader {
  readonly entries: Entry[] = [];
  readonly problems: Problem[] = [];
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  report(offset: number, message: string, hint = ""): void {
    this.problems.push({ line: this.#line(offset), message, hint });
  }

  /** A mapping of keys. Its depth is bounded by the schema's, not by the file's. */
  section(node: unknown, path: string): void {
    const content = this.#resolved(node);
    // A section whose keys are all commented out is null to YAML.
    if (content === null || (isScalar(content) && content.value === null)) return;
    if (!isMap(content)) {
      this.report(
        offsetOf(content),
        `${path || "the file"} must be a mapping of keys, but is ${shown(content)}`,
      );
      return;
    }
    for (const pair of content.items) {
      const name = this.#resolved(pair.key);
      if (!isScalar(name) || typeof name.value !== "string") {
        this.report(
          offsetOf(name),
          `a key${path && ` in ${path}`} must be a plain word, but is ${shown(name)}`,
        );
        continue;
      }
      if (name.value.includes(".")) {
        const nested = name.value.split(".").join(": { ");
        this.report(
          offsetOf(name),
          `unknown key ${JSON.stringify(name.value)}`,
          `keys are nested: ${nested}: …`,
        );
        continue;
      }
      this.#entry(path ? `${path}.${name.value}` : name.value, pair.value, offsetOf(name));
    }
  }

  #entry(name: string, node: unknown, offset: number): void {
    if (sections.has(name)) return this.section(node, name);
    const key = configKeys.get(name);
    if (!key) {
      const near = nearestKey(name);
      const known = "loopr help configuration lists the keys";
      this.report(offset, `unknown key ${name}`, near ? `did you mean ${near}? (${known})` : known);
      return;
    }
    const value = this.#value(node, 0);
    const problem = value.readable
      ? checkValue(key, value.value)
      : `must be ${expectation(key.schema)}, but holds ${value.why}`;
    if (problem) this.report(offset, `${name} ${problem.replace("%value", shown(this.#resolved(node)))}`);
    else if (value.readable) this.entries.push({ key, value: value.value, line: this.#line(offset) });
  }

  /** A scalar, or a flat list or mapping of scalars: nothing that a bundle of aliases could blow up. */
  #value(
    node: unknown,
    depth: number,
  ): { readable: true; value: unknown } | { readable: false; why: string } {
    const content = this.#resolved(node);
    if (content === null) return { readable: true, value: null };
    if (isScalar(content)) return { readable: true, value: content.value };
    if (depth > 0) return { readable: false, why: "a list or mapping inside" };
    if (isSeq(content) && content.items.length <= itemsMax) {
      const items = content.items.map((item) => this.#value(item, depth + 1));
      const bad = items.find((item) => !item.readable);
      return bad ?? { readable: true, value: items.map((item) => (item.readable ? item.value : null)) };
    }
    if (isMap(content) && content.items.length <= itemsMax) {
      const pairs: [string, unknown][] = [];
      for (const pair of content.items) {
        const [name, value] = [this.#value(pair.key, depth + 1), this.#value(pair.value, depth + 1)];
        if (!name.readable) return name;
        if (!value.readable) return value;
        pairs.push([String(name.value), value.value]);
      }
      return { readable: true, value: Object.fromEntries(pairs) };
    }
    return { readable: false, why: `more than ${itemsMax} items` };
  }

  /** Follows one alias. An alias of an alias does not exist in YAML, so this ends. */
  #resolved(node: unknown): unknown {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  #line(offset: number): number {
    return Math.max(1, this.#lines.linePos(offset).line);
  }
}

function asError(path: string, problems: readonly Problem[]): LooprError {
  const sorted = [...problems].sort((a, b) => a.line - b.line);
  const listed = sorted
    .slice(0, problemsShown)
    .map((problem) => `${path}:${problem.line}: ${problem.message}`);
  if (sorted.length > problemsShown) listed.push(`(and ${sorted.length - problemsShown} more)`);
  const hint = sorted.find((problem) => problem.hint)?.hint;
  return new LooprError(
    "config_invalid",
    listed.join("\n"),
    hint ?? "correct that line; loopr help configuration lists the keys",
  );
}

function offsetOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}

function shown(node: unknown): string {
  if (isSeq(node)) return "a list";
  if (isMap(node)) return "a mapping";
  const text = JSON.stringify(isScalar(node) ? node.value : null) ?? "nothing";
  return text.length > shownValueMax ? `${text.slice(0, shownValueMax)}…` : text;
}
