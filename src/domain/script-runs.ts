// What a shell script runs and sources of the repository's own files. A check's script hands its work to others,
// and who may change those may change the check; yet what it only tries out is the product.
import picomatch from "picomatch";
import { joinPath } from "./tree-paths.ts";
import { afterBalanced } from "./shell-quotes.ts";
import { statementsOf, type Statement } from "./shell-words.ts";

export interface ScriptRun {
  path: string;
  how: "runs" | "sources";
  /** By its place or its name it is part of the check; otherwise it may as well be the product. */
  isInfrastructure: boolean;
  /** The script ends in it (`exec`), or runs nothing else. */
  isHandedOver: boolean;
}

export interface Script {
  content: string;
  /** Its path in the repository; "" for a command. */
  path: string;
  /** Where it is run, relative to the root. */
  cwd: string;
}

/** What the scripts of these files do is told from `atBase`, the tracked paths. */
export function scriptRuns(script: Script, atBase: readonly string[]): ScriptRun[] {
  const reading = new Reading(script, atBase);
  const statements = statementsOf(script.content);
  const does = statements.filter(
    ({ words }) => !words.every((word) => assignment.test(word)) && !prepares.test(words[0] ?? ""),
  );
  for (const statement of statements) {
    const isOnly = does.length === 1 && does[0] === statement;
    reading.add(statement, isOnly || statement.words[0] === "exec");
  }
  return reading.runs();
}

/** Whether a file with this name and content is one of the shell's. */
export function isShellScript(path: string, content: string): boolean {
  const shebang = /^#!([^\n]*)/.exec(content)?.[1];
  if (shebang !== undefined) return /\b(ba|da|z|k|a)?sh\b/.test(shebang);
  // Without either: `ci/check`, but no `Makefile`.
  return (
    /\.(sh|bash|zsh|ksh|dash)$/.test(path) || /(^|\/)(?!(make|just|rake|task)file$)[a-z][\w-]*$/.test(path)
  );
}

/** Where repositories keep what builds and checks them. */
const infrastructure =
  /^(\.?ci|scripts?|tools?|tooling|hack|qa|checks?|testing|tests?|t|spec|e2e|build|contrib|dev|devtools|automation|make|\.(github|gitlab|circleci|buildkite|husky|githooks))$/;
/** A folder below these is a part of the program, whatever it is called. */
const product = /^(src|lib|libs|source|sources|app|apps|cmd|internal|pkg|bin|crates|examples?|docs?)$/;
/** Nobody tests a product by the output of what is in these. */
const continuousIntegration = /^(\.?ci|\.(github|gitlab|circleci|buildkite))$/;
/** A name that says what the file is for: `run-tests.sh`, `lint.sh`, `check`. */
const infrastructureName =
  /^(run[-_.]?)?(all[-_.]?)?(unit|integration|e2e|smoke)?[-_.]?(test|tests|check|checks|lint|ci|verify|validate|coverage|spec|specs)([-_.](all|unit|integration|e2e|lib|common|helpers?|utils?|functions|setup|env))?(\.\w+)?$/;

const interpreters = /^((ba|da|z|k|a)?sh|python[\d.]*|node|ruby|perl|deno|bun|php|lua|pwsh|Rscript)$/;
/** A variable that is called like one. */
const interpreterVariable = /^\$\{?(SHELL|SH|BASH|PYTHON\d*|PY|NODE|RUBY|PERL|BUN|DENO|PHP)\}?$/i;
/** Statements that do nothing but prepare others. */
const prepares = /^(set|cd|pushd|export|umask|trap|shift|readonly|declare|local|:)$/;
const shells = /^(ba|da|z|k|a)?sh$/;
/** Words before a command that leave it one. */
const wrappers =
  /^(if|then|elif|else|while|until|do|!|\{|time|exec|env|command|builtin|sudo|nohup|nice|stdbuf|xvfb-run|caffeinate)$/;
const declarations = /^(export|local|readonly|declare|typeset)$/;
const assignment = /^(\w+)\+?=([^]*)$/;
/** What a variable may stand for, of all that it is given. */
const valuesMax = 50;
const nestedCommandsMax = 20;

class Reading {
  readonly #atBase: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #values = new Map<string, string[]>();
  readonly #directories: Set<string>;
  readonly #found = new Map<string, ScriptRun>();
  #nested = 0;
  #isHandedOver = false;

  constructor(script: Script, atBase: readonly string[]) {
    this.#atBase = atBase;
    this.#known = new Set(atBase);
    const own = script.path.split("/").slice(0, -1).join("/");
    const above = own.split("/").slice(0, -1).join("/");
    this.#directories = new Set([script.cwd, own, above, ""]);
  }

  runs(): ScriptRun[] {
    return [...this.#found.values()];
  }

  add(statement: Statement, isHandedOver: boolean): void {
    this.#isHandedOver = isHandedOver && !statement.isRead;
    const [first = "", ...rest] = this.#command(statement.words);
    if (first === "for" && rest[1] === "in") this.#bind(rest[0] ?? "", rest.slice(2));
    else if (first === "cd" || first === "pushd")
      this.#enter(rest.find((word) => !word.startsWith("-")) ?? "");
    else if (first === "." || first === "source") this.#note(rest[0] ?? "", "sources", false);
    else if (interpreterVariable.test(first)) this.#interpreted("sh", rest, statement.isRead);
    else if (interpreters.test(baseName(first))) this.#interpreted(baseName(first), rest, statement.isRead);
    else if (/[/$]/.test(first)) this.#note(first, "runs", statement.isRead);
  }

  /** The words of the command itself: without what is set for it, and without what is only put before it. */
  #command(words: readonly string[]): string[] {
    let at = 0;
    for (; at < words.length; at++) {
      const word = words[at] ?? "";
      const set = assignment.exec(word);
      if (set) this.#bind(set[1] ?? "", [set[2] ?? ""]);
      else if (word === "timeout") at = durationAt(words, at);
      else if (!wrappers.test(word) && !declarations.test(word) && !(at > 0 && /^-/.test(word))) break;
    }
    return words.slice(at);
  }

  #bind(name: string, values: readonly string[]): void {
    const before = this.#values.get(name) ?? [];
    this.#values.set(name, [...new Set([...before, ...values])].slice(0, valuesMax));
  }

  #enter(word: string): void {
    for (const value of this.#expanded(word)) {
      const { rest } = withoutExpansion(value);
      if (!rest.includes("*"))
        for (const directory of [...this.#directories]) this.#directories.add(joinPath(directory, rest));
    }
  }

  #interpreted(program: string, words: readonly string[], isRead: boolean): void {
    for (let at = 0; at < words.length; at++) {
      const word = words[at] ?? "";
      if (/^[-+]\w*c$/.test(word)) {
        if (shells.test(program)) this.#again(words[at + 1] ?? "", isRead);
        return;
      }
      if (/^[-+]\w*o$/.test(word) && shells.test(program)) at += 1;
      else if (/^(-|\+)/.test(word) || (word === "run" && /^(bun|deno)$/.test(program))) continue;
      else {
        this.#note(word, "runs", isRead);
        return;
      }
    }
  }

  /** `sh -c '…'`. */
  #again(text: string, isRead: boolean): void {
    if (++this.#nested > nestedCommandsMax) return;
    const isHandedOver = this.#isHandedOver;
    for (const inner of statementsOf(text))
      this.add({ words: inner.words, isRead: inner.isRead || isRead }, isHandedOver);
  }

  #note(word: string, how: ScriptRun["how"], isRead: boolean): void {
    for (const value of this.#expanded(word))
      for (const path of this.#pathsOf(value)) {
        const infrastructureHere = isInfrastructure(path);
        if (isRead && !continuousIntegration.test(kindOfPlace(path) ?? "")) continue;
        const isHandedOver = this.#isHandedOver || (this.#found.get(path)?.isHandedOver ?? false);
        const before = this.#found.get(path) ?? { path, how, isInfrastructure: infrastructureHere };
        this.#found.set(path, { ...before, isHandedOver });
      }
  }

  /** The word with each variable of which something is known in place. */
  #expanded(word: string): string[] {
    let values = [word];
    for (let depth = 0; depth < 3; depth++)
      values = values.flatMap((value) => {
        const name = [...value.matchAll(/\$(?:(\w+)|\{(\w+)\})/g)].find(([, a, b]) =>
          this.#values.has(a ?? b ?? ""),
        );
        if (!name) return [value];
        const known = this.#values.get(name[1] ?? name[2] ?? "") ?? [];
        return known.map(
          (each) => value.slice(0, name.index) + each + value.slice(name.index + name[0].length),
        );
      });
    return values.slice(0, valuesMax);
  }

  #pathsOf(value: string): string[] {
    const { rest } = withoutExpansion(value);
    if (rest === "" || rest.startsWith("/") || /^[*/.]*$/.test(rest)) return [];
    const paths = [...this.#directories].map((directory) => joinPath(directory, rest));
    if (!/[*?[]/.test(rest)) return paths.filter((path) => this.#known.has(path));
    const patterns = paths.map((path) => picomatch(path, { dot: true }));
    return this.#atBase.filter((path) => patterns.some((matches) => matches(path))).slice(0, valuesMax);
  }
}

/** What follows an expansion at the beginning, whose value is some directory; others stand for anything. */
function withoutExpansion(word: string): { rest: string } {
  const begins = /^[$`]/.test(word);
  const from = begins ? afterBalanced(word, 0) : 0;
  let rest = "";
  for (let at = from; at < word.length;) {
    const end = /[$`]/.test(word[at] ?? "") ? afterBalanced(word, at) : at + 1;
    rest += end > at + 1 ? "*" : word.slice(at, end);
    at = end;
  }
  return { rest: begins ? rest.replace(/^\/+/, "") : rest };
}

/** Whether a file is called as one that runs tests, not as a test. */
export function isCheckName(path: string): boolean {
  return infrastructureName.test(baseName(path));
}

/** By its place or its name: a part of what builds and checks. */
export function isInfrastructure(path: string): boolean {
  return kindOfPlace(path) !== null || isCheckName(path);
}

/** Whether it lies where programs keep their code. */
export function isInProduct(path: string): boolean {
  const folders = path.split("/").slice(0, -1);
  return kindOfPlace(path) === null && folders.some((folder) => product.test(folder));
}

/** Whether it is called as a program's entrance is. */
export function isEntrance(path: string): boolean {
  return /^(main|__main__|index|app|cli|server|program)\.\w+$/.test(baseName(path));
}

/** The first folder that says what is in it, where that is the repository's own tools; else null. */
function kindOfPlace(path: string): string | null {
  const folders = path.split("/").slice(0, -1);
  const telling = folders.find((folder) => infrastructure.test(folder) || product.test(folder));
  return telling !== undefined && infrastructure.test(telling) ? telling : null;
}

/** The index of the duration of `timeout -k 5 10 command`. */
function durationAt(words: readonly string[], at: number): number {
  const found = words.findIndex(
    (word, index) => index > at && /^[\d.]+[smhd]?$/.test(word) && !/^-k/.test(words[index - 1] ?? ""),
  );
  return found < 0 ? at : found;
}

function baseName(path: string): string {
  return path.split("/").at(-1) ?? path;
}
