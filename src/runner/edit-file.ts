// edit_file: replaces one passage of a file that the model has read in this iteration.
import { closeSync, readFileSync } from "node:fs";
import { locateForWriting, openForReading, type Located } from "./paths.ts";
import { replaceFile } from "./replace-file.ts";
import { shownName, ToolFailure, type ToolContext } from "./tool.ts";

const fileBytesMax = 16 * 1024 * 1024;
/** Line numbers named where a passage is ambiguous. */
const namedLinesMax = 10;

export interface EditFileInput {
  path: string;
  old_string: string;
  new_string: string;
  replace_all?: boolean | undefined;
}

export function editFile(input: EditFileInput, context: ToolContext): string {
  const { job, reads } = context;
  const located = locateForWriting(job.worktree_dir, input.path);
  const name = shownName(located.shown);
  if (input.old_string === input.new_string) {
    throw new ToolFailure("old_string and new_string are the same: there is nothing to change");
  }
  const text = readForEdit(located, name, context);
  const { old, replacement } = adaptLineEnds(text, input);
  const parts = text.split(old);
  const count = parts.length - 1;
  if (count === 0) throw new ToolFailure(`${name}: old_string does not occur. ${adviceOn(text, old)}`);
  if (count > 1 && input.replace_all !== true) {
    throw new ToolFailure(
      `${name}: old_string occurs ${count} times (lines ${linesOf(parts, old)}). ` +
        "Add lines around the one you mean until it is unique, or set replace_all",
    );
  }
  const stat = replaceFile(located, parts.join(replacement));
  reads.note(job.loop_id, job.iteration, located.path, stat);
  return `Replaced ${count === 1 ? "1 passage" : `${count} passages`} in ${name} (line ${linesOf(parts, old)})`;
}

function readForEdit(located: Located, name: string, context: ToolContext): string {
  const { fd, stat } = openForReading(located);
  try {
    const { loop_id, iteration } = context.job;
    const known = context.reads.check(loop_id, iteration, located.path, stat);
    if (known === "unread") {
      throw new ToolFailure(
        `${name} has not been read in this iteration. Use read_file on it first, then edit`,
      );
    }
    if (known === "changed") {
      throw new ToolFailure(`${name} has changed since it was read. Use read_file on it again, then edit`);
    }
    if (stat.size > BigInt(fileBytesMax)) {
      throw new ToolFailure(
        `${name} is too large to edit (${stat.size} bytes). Use run_command, for example sed`,
      );
    }
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(fd));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ToolFailure(
      `${name} is not valid UTF-8: an edit would damage it. Use run_command, for example sed`,
    );
  } finally {
    closeSync(fd);
  }
}

/** read_file shows CRLF files without the CR, so that the model's text has none: the file's own are kept. */
function adaptLineEnds(text: string, input: EditFileInput): { old: string; replacement: string } {
  const { old_string: old, new_string: replacement } = input;
  if (text.includes(old) || old.includes("\r") || !text.includes("\r\n")) return { old, replacement };
  return { old: old.replaceAll("\n", "\r\n"), replacement: replacement.replace(/\r?\n/g, "\r\n") };
}

function linesOf(parts: readonly string[], old: string): string {
  const lines: number[] = [];
  let line = 1;
  for (const part of parts.slice(0, Math.min(parts.length - 1, namedLinesMax))) {
    line += newlines(part);
    lines.push(line);
    line += newlines(old);
  }
  return lines.join(", ") + (parts.length - 1 > namedLinesMax ? ", …" : "");
}

function newlines(text: string): number {
  return text.split("\n").length - 1;
}

function adviceOn(text: string, old: string): string {
  const stripped = old.replace(/^ *\d+\t/gm, "");
  if (stripped !== old && text.includes(stripped)) {
    return "It holds the line numbers that read_file shows: leave them and the tab after them out";
  }
  const loose = (line: string) => line.replace(/\s+/g, " ").trim();
  const wanted = old.split("\n").map(loose);
  const lines = text.split("\n").map(loose);
  const at = lines.findIndex((_, index) => wanted.every((line, offset) => lines[index + offset] === line));
  if (at !== -1 && wanted.some((line) => line !== "")) {
    return `Line ${at + 1} differs from it only in white space: copy the text exactly as read_file shows it`;
  }
  const first = wanted.find((line) => line !== "");
  const near = first === undefined ? -1 : lines.indexOf(first);
  if (near !== -1) {
    return `Its first line is at line ${near + 1}, but what follows differs: read the file again from there`;
  }
  return "Use read_file again, and copy the passage exactly, white space included";
}
