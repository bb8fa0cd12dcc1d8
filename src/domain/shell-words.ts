// The statements of a shell script, told without running it: as far as a protection needs them, not as a shell does.
import { afterBalanced } from "./shell-quotes.ts";

export interface Statement {
  /** Without quotes; expansions (`$x`, `$(…)`) stand as they were written. */
  words: string[];
  /** Somebody looks at its output: it is in a pipe, in `$(…)`, or written to a file. */
  isRead: boolean;
}

/** Programs at the end of a pipe that only show or keep what goes through. */
const passesOn = /^(tee|cat|ts)$/;
/** A longer text is no script that anybody has written. */
const charsMax = 256 * 1024;

/** Substitutions in substitutions are read so deep. */
const depthMax = 6;

/** Its own statements, those of its substitutions included. */
export function statementsOf(text: string): Statement[] {
  return new Reader(text.slice(0, charsMax), 0).read();
}

class Reader {
  readonly #text: string;
  readonly #depth: number;
  #at = 0;
  readonly #found: Statement[] = [];
  #words: string[] = [];
  #word: string | null = null;
  #isRead = false;
  /** The next word belongs to a redirection. */
  #redirects: "output" | "other" | null = null;
  /** Statements whose output goes into the next one. */
  #piped: Statement[] = [];
  #heredocs: { end: string; indented: boolean }[] = [];
  #heredocNext: { indented: boolean } | null = null;

  constructor(text: string, depth: number) {
    this.#text = text;
    this.#depth = depth;
  }

  read(): Statement[] {
    while (this.#at < this.#text.length) this.#step();
    this.#endStatement(false);
    return this.#found;
  }

  #step(): void {
    const rest = this.#text.slice(this.#at, this.#at + 3);
    const [char = ""] = rest;
    if (rest.startsWith("\\\n")) this.#at += 2;
    else if (char === "\\") this.#take(2, this.#text[this.#at + 1] ?? "");
    else if (char === "'") this.#quoted(this.#text.indexOf("'", this.#at + 1));
    else if (char === '"') this.#doubleQuoted();
    else if (char === "`" || char === "$") this.#expansion();
    else if (char === "#" && this.#word === null) this.#at = endOfLine(this.#text, this.#at);
    else if (char === "\n") this.#newLine();
    else if (/[ \t\r]/.test(char)) this.#take(1, null);
    else if (/[<>]/.test(char) || rest.startsWith("&>")) this.#redirection();
    else if (/[;&|()]/.test(char)) this.#operator(rest);
    else this.#take(1, char);
  }

  /** Null ends the word. */
  #take(chars: number, added: string | null): void {
    this.#at += chars;
    if (added === null) this.#endWord();
    else this.#word = (this.#word ?? "") + added;
  }

  #quoted(end: number): void {
    const to = end < 0 ? this.#text.length : end;
    this.#take(to + 1 - this.#at, this.#text.slice(this.#at + 1, to));
  }

  #doubleQuoted(): void {
    this.#take(1, "");
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"') {
      const char = this.#text[this.#at] ?? "";
      if (char === "$" || char === "`") this.#expansion();
      else if (char !== "\\") this.#take(1, char);
      else {
        const next = this.#text[this.#at + 1] ?? "";
        this.#take(2, next === "\n" ? "" : /[$`"\\]/.test(next) ? next : `\\${next}`);
      }
    }
    this.#at += 1;
  }

  /** What stands in `$(…)` is read for statements of its own, too. */
  #expansion(): void {
    const end = afterBalanced(this.#text, this.#at);
    const whole = this.#text.slice(this.#at, end);
    const inner = /^\$\((?!\()([^]*)\)$/.exec(whole)?.[1] ?? /^`([^]*)`$/.exec(whole)?.[1];
    this.#within(inner ?? "");
    this.#take(end - this.#at, whole);
  }

  #within(text: string): void {
    if (this.#depth >= depthMax) return;
    const inner = new Reader(text, this.#depth + 1).read();
    this.#found.push(...inner.map(({ words }) => ({ words, isRead: true })));
  }

  #newLine(): void {
    this.#endStatement(false);
    this.#at += 1;
    for (const { end, indented } of this.#heredocs.splice(0)) {
      while (this.#at < this.#text.length) {
        const to = endOfLine(this.#text, this.#at);
        const line = this.#text.slice(this.#at, to);
        this.#at = to + 1;
        if ((indented ? line.replace(/^\t+/, "") : line) === end) break;
      }
    }
  }

  #redirection(): void {
    const descriptor = /^\d$/.test(this.#word ?? "") ? this.#word : null;
    if (descriptor !== null) this.#word = null;
    this.#endWord();
    const rest = this.#text.slice(this.#at, this.#at + 4);
    if (/^[<>]\(/.test(rest)) {
      // A process substitution is a word; what runs in it is read.
      const end = afterBalanced(this.#text, this.#at);
      this.#within(this.#text.slice(this.#at + 2, end - 1));
      this.#take(end - this.#at, "<()");
      return;
    }
    const [operator = ">"] = /^(&>>?|<<<|<<-?|<&|<>|<|>>|>&|>\||>)/.exec(rest) ?? [];
    this.#at += operator.length;
    if (operator === "<<" || operator === "<<-") this.#heredocNext = { indented: operator === "<<-" };
    this.#redirects = operator.includes(">") && (descriptor ?? "1") === "1" ? "output" : "other";
  }

  #operator(rest: string): void {
    const operator = /^(&&|\|\||;;|\|&|[;&|()])/.exec(rest)?.[0] ?? rest.slice(0, 1);
    this.#endStatement(operator === "|" || operator === "|&");
    this.#at += operator.length;
  }

  #endWord(): void {
    const word = this.#word;
    this.#word = null;
    if (word === null) return;
    if (this.#heredocNext) this.#heredocs.push({ end: word, ...this.#heredocNext });
    else if (this.#redirects === "output" && !/^(&?\d+|-|\/dev\/(null|stdout|stderr|tty))$/.test(word))
      this.#isRead = true;
    if (this.#redirects === null) this.#words.push(word);
    this.#redirects = null;
    this.#heredocNext = null;
  }

  #endStatement(goesOn: boolean): void {
    this.#endWord();
    const statement = { words: this.#words, isRead: this.#isRead };
    this.#words = [];
    this.#isRead = false;
    if (statement.words.length === 0) return;
    this.#found.push(statement);
    // What is before in the pipe is read by this one, or by who reads this one.
    if (!passesOn.test(statement.words[0] ?? "")) for (const before of this.#piped) before.isRead = true;
    this.#piped = goesOn ? [...this.#piped, statement] : [];
  }
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}
