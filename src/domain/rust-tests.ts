// Tests inside of Rust source files: which of them a change alters, and the files with these tests as they were.
import { codeOf, readRust, rustItems, type RustItem, type RustSource } from "./rust-items.ts";

export interface SourceChange {
  path: string;
  /** Null: it was not there. */
  before: string | null;
  /** Null: it is there no more. */
  after: string | null;
}

export interface ChangedTests {
  /** Files whose tests were changed or removed. */
  changed: string[];
  /** Files that only have more tests than before. */
  added: string[];
  /** What both hold with the tests as they were; one that is not in here has to be as it was as a whole. */
  asBefore: Map<string, string>;
}

/** A part of a file that is compiled for tests alone. */
interface Part {
  /** Its place and its name, the same for what takes its place. */
  id: string;
  /** The modules and implementations that it stands in. */
  place: string;
  /** Whether one of these is compiled under conditions. */
  isGated: boolean;
  name: string;
  code: string;
  item: RustItem;
}

interface Parts {
  source: RustSource;
  parts: Map<string, Part>;
  /** Where the bodies end in which parts may stand, by their place. */
  ends: Map<string, number>;
  /** The conditions under which the file and its modules are compiled: of one name there may be several. */
  gates: Map<string, Set<string>>;
}

/** What becomes of the tests in Rust sources that were changed. Those that only moved, to another file too, are as they were. */
export function rustTestChanges(changes: readonly SourceChange[]): ChangedTests {
  const files = changes.map(({ path, before, after }) => {
    const [old, now] = [partsOf(before ?? ""), partsOf(after ?? "")];
    const gone = [...old.parts.values()].filter(({ id }) => !now.parts.has(id));
    const fresh = [...now.parts.values()].filter(({ id }) => !old.parts.has(id));
    return { path, after, old, now, gone, fresh };
  });
  for (const { gone } of files)
    for (const part of [...gone])
      for (const { fresh } of files) {
        const at = fresh.findIndex(
          ({ name, code, isGated }) => name === part.name && code === part.code && !isGated,
        );
        if (at < 0) continue;
        fresh.splice(at, 1);
        gone.splice(gone.indexOf(part), 1);
        break;
      }
  const found: ChangedTests = { changed: [], added: [], asBefore: new Map() };
  for (const { path, after, old, now, gone, fresh } of files) {
    const altered = [...old.parts.values()].filter(
      (part) => (now.parts.get(part.id) ?? part).code !== part.code,
    );
    const isGated = [...old.parts.values()].some(
      (part) => !part.isGated && now.parts.get(part.id)?.isGated === true,
    );
    const hasOtherGates = [...old.gates].some(([id, gates]) => {
      const kept = now.gates.get(id) ?? gates;
      return [...gates].some((gate) => !kept.has(gate));
    });
    const isRegated = isGated || hasOtherGates;
    if (altered.length + gone.length + fresh.length === 0 && !isRegated) continue;
    const onlyMore = gone.length === 0 && !isRegated && altered.every((part) => hasOnlyMore(old, part, now));
    (onlyMore ? found.added : found.changed).push(path);
    const content = after === null || isRegated ? null : withParts(now, { old, altered, gone, fresh });
    if (content !== null) found.asBefore.set(path, content);
  }
  return found;
}

/** Whether a file declares a module that is compiled for tests alone; null where it declares none of that name. */
export function declaresTests(content: string, module: string): boolean | null {
  const items = rustItems(readRust(content)).filter(({ head }) => headName(head) === `mod ${module}`);
  return items.length === 0 ? null : items.some(isForTests);
}

/** What says whether or from where something is compiled; `no_std` and the like do not. */
const gateAttribute = /^#!?\[(cfg\(|path\b|cfg_attr\(.*\b(cfg|path)\b)/;

function partsOf(text: string): Parts {
  const source = readRust(text);
  const found: Parts = { source, parts: new Map(), ends: new Map(), gates: new Map() };
  const read = (place: string, body: { from: number; to: number }, isInGate: boolean) => {
    const items = rustItems(source, body.from, body.to);
    const gate = items.filter(({ head }) => gateAttribute.test(head)).map(({ head }) => head);
    const isGated = isInGate || gate.length > 0;
    found.ends.set(place, body.to);
    found.gates.set(place, new Set([gate.join("")]));
    const seen = new Map<string, number>();
    for (const item of items) {
      const name = headName(item.head);
      const nth = seen.get(name) ?? 0;
      seen.set(name, nth + 1);
      const id = `${place}\n${name}#${nth}`;
      if (isForTests(item)) {
        const code = codeOf(source, item.from, item.to);
        found.parts.set(id, { id, place, isGated, name, code, item });
      } else if (/^(pub |pub\([^)]*\))?(mod|impl|unsafe impl|trait)\b/.test(item.head)) {
        const own = item.attributes.filter((each) => gateAttribute.test(each));
        const module = `${place}\nabove ${name}`;
        if (name.startsWith("mod "))
          found.gates.set(module, (found.gates.get(module) ?? new Set()).add(own.join("")));
        if (item.body !== null) read(id, item.body, isGated || own.length > 0);
      }
    }
  };
  read("", { from: 0, to: text.length }, false);
  return found;
}

/** What an item is called: `mod tests`, `fn greets`; for others all that stands before its body. */
function headName(head: string): string {
  const [, kind, name] = named.exec(head) ?? [];
  return kind === undefined ? head : `${kind.trim()} ${name ?? ""}`;
}

const named =
  /^(?:pub ?(?:\([^)]*\))? ?)?(?:(?:const|async|unsafe|extern) )*(mod |fn |struct |enum |trait |macro_rules!)(\w+)/;

/** Attributes of tests, those of the common crates too. */
const testAttribute =
  /^#\[(?:\w+::)*(test|rstest|test_case|test_matrix|wasm_bindgen_test|quickcheck|proptest|parameterized|bench)\b/;

function isForTests({ attributes }: RustItem): boolean {
  return attributes.some((each) => testAttribute.test(each) || isForTestsAlone(each));
}

/** `#[cfg(test)]`, `#[cfg(all(test, …))]`; what is under `not(test)` is the program. */
function isForTestsAlone(attribute: string): boolean {
  if (!attribute.startsWith("#[cfg(")) return false;
  const plain = attribute.replace(/"[^"]*"/g, "").replace(/not\((?:[^()]|\([^()]*\))*\)/g, "");
  return /\btest\b/.test(plain);
}

/** Whether a module of tests has all that it had, in this order, and beside it only tests that nothing of it can mean. */
function hasOnlyMore(old: Parts, part: Part, now: Parts): boolean {
  const { item } = part;
  const other = now.parts.get(part.id)?.item;
  if (!item.body || !other?.body || !headName(item.head).startsWith("mod ")) return false;
  if (codeOf(old.source, item.from, item.body.from) !== codeOf(now.source, other.from, other.body.from))
    return false;
  const words = new Set(part.code.split(/\W+/));
  const wanted = rustItems(old.source, item.body.from, item.body.to).map(({ from, to }) =>
    codeOf(old.source, from, to),
  );
  let at = 0;
  for (const inner of rustItems(now.source, other.body.from, other.body.to)) {
    if (codeOf(now.source, inner.from, inner.to) === wanted[at]) {
      at += 1;
      continue;
    }
    const [kind, name = ""] = headName(inner.head).split(" ");
    if (kind !== "fn" || words.has(name) || !inner.attributes.some((each) => testAttribute.test(each)))
      return false;
  }
  return at === wanted.length;
}

interface Exchange {
  old: Parts;
  altered: readonly Part[];
  gone: readonly Part[];
  fresh: readonly Part[];
}

/** The file as it is now with the tests that it had. Null where there is no place for one of them. */
function withParts(now: Parts, { old, altered, gone, fresh }: Exchange): string | null {
  const textOf = ({ item }: Part) => old.source.text.slice(item.from, item.to);
  const edits: { from: number; to: number; text: string }[] = fresh.map(({ item: { from, to } }) => {
    return { from: from - documentedAbove(now.source.text.slice(0, from)), to, text: "" };
  });
  for (const part of altered) {
    const place = now.parts.get(part.id)?.item;
    if (place) edits.push({ from: place.from, to: place.to, text: textOf(part) });
  }
  for (const part of gone) {
    const end = now.ends.get(part.place);
    if (end === undefined) return null;
    edits.push({ from: end, to: end, text: `\n${textOf(part)}\n` });
  }
  let { text } = now.source;
  for (const edit of edits.toSorted((a, b) => b.from - a.from))
    text = text.slice(0, edit.from) + edit.text + text.slice(edit.to);
  return text;
}

/** How many characters at the end of a text are the documentation of what follows: by itself it is an error. */
function documentedAbove(text: string): number {
  return /(?:^[ \t]*\/\/\/[^\n]*\n\s*)+$/m.exec(text)?.[0].length ?? 0;
}
