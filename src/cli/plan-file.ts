// A plan as a file that a person edits: YAML with comments, and back. JSON is read as well: it is YAML.
import "../domain/schema-messages.ts";
import { Document, LineCounter, parseDocument, type Node } from "yaml";
import { PlanArtifact, planProblems } from "../domain/artifacts.ts";
import { plainLine } from "../lib/plain.ts";

export type PlanFile =
  | { kind: "plan"; plan: PlanArtifact }
  /** Nothing but comments and blanks: the person wants nothing changed. */
  | { kind: "empty" }
  /** Sentences, each with its line where it has one. */
  | { kind: "problems"; problems: PlanProblem[] };

export interface PlanProblem {
  /** From 1; null: it is of the whole. */
  line: number | null;
  message: string;
}

/** What the head of the file tells of the plan. */
export interface PlanFileHead {
  id: string;
  version: number;
  /** `auto`: the specs' own levels count. */
  levels: string;
}

const problemMark = "# ERROR: ";

export function renderPlanFile(plan: PlanArtifact, head: PlanFileHead): string {
  const specs = plan.specs.map((spec) => {
    const { name, level, depends_on, description, acceptance, changes_tests, ...others } = spec;
    return { name, level, depends_on, description, acceptance, changes_tests, ...others };
  });
  const document = new Document({ title: plan.title, summary: plan.summary, specs });
  return headLines(head).join("\n") + "\n\n" + document.toString({ lineWidth: 0, blockQuote: "literal" });
}

function headLines({ id, version, levels }: PlanFileHead): string[] {
  return [
    `# The plan of ${id}, version ${version}. Save and close: what is here is stored as a new version. Close it`,
    "# unchanged, or empty, and nothing changes. A spec has:",
    "#   name           unique; others name it in depends_on",
    "#   level          code: straight to code; spec: through a specification and its phases first",
    "#   type           instead of a level: a type of loop of your own",
    "#   depends_on     names of the specs that have to be done first",
    "#   description    what it is to do; whoever does it sees this and the summary, not the other specs",
    "#   acceptance     how to tell that it is done",
    "#   changes_tests  existing tests that it may change (paths or globs)",
    ...(levels === "auto"
      ? []
      : [`# The levels of this run are set for all of its specs (${levels}): their own do not count.`]),
  ];
}

/** The same text with what is wrong with it above everything else, and without what was wrong before. */
export function withProblems(text: string, problems: readonly PlanProblem[]): string {
  const rest = withoutProblems(text);
  const lines = problems.map(({ line, message }) => {
    const where = line === null ? "" : `line ${line + problems.length}: `;
    return problemMark + plainLine(where + message);
  });
  return [...lines, rest].join("\n");
}

function withoutProblems(text: string): string {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => !line.startsWith(problemMark));
  return first < 0 ? "" : lines.slice(first).join("\n");
}

/** Lines are counted without the problems of an earlier look. */
export function parsePlanFile(text: string): PlanFile {
  const own = withoutProblems(text);
  const lines = new LineCounter();
  const document = parseDocument(own, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number) => Math.max(1, lines.linePos(offset).line);
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({
      line: lineOf(pos[0]),
      message: `not valid YAML: ${message}`,
    }));
    return { kind: "problems", problems };
  }
  if (document.contents === null) return { kind: "empty" };
  const parsed = PlanArtifact.safeParse(valueOf(document));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({
      line: lineOf(offsetOf(document, path)),
      message: `${pathText(path)}: ${inWords(message)}`,
    }));
    return { kind: "problems", problems };
  }
  const problems = planProblems(parsed.data).map((message) => ({ line: null, message }));
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "plan", plan: parsed.data };
}

function inWords(message: string): string {
  return message
    .replace(/^Invalid (input|option): /, "")
    .replace(", received undefined", ", but it is missing");
}

/** Throws nothing: a bundle of aliases that would blow up is a value that fits no schema. */
function valueOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    return null;
  }
}

/** Where a value stands; of one that is not there, where it would have to be. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    const range = isNode(node) ? node.range : null;
    if (range) return range[0];
  }
  return 0;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "range" in value;
}

/** `specs[2].level`, counted from 1 as the preview does. */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>((at, key) => {
    if (typeof key === "number") return `${at}[${key + 1}]`;
    return at === "" ? String(key) : `${at}.${String(key)}`;
  }, "");
  return text || "the plan";
}
