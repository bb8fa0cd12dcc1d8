// list_directory: the names in one directory, with what they are.
import { lstatSync, readdirSync, readlinkSync, type Dirent } from "node:fs";
import { join } from "node:path";
import { locate, requireDirectory, special } from "./paths.ts";
import { shownName, type ToolContext } from "./tool.ts";
import { compareNames, isReadableName } from "./walk.ts";

const noteBytes = 256;

export function listDirectory(input: { path: string }, context: ToolContext): string {
  const located = locate(context.job.worktree_dir, input.path);
  requireDirectory(located);
  const entries = readdirSync(located.path, { withFileTypes: true });
  entries.sort((a, b) => compareNames(a.name, b.name));
  const lines: string[] = [];
  let bytes = noteBytes;
  for (const entry of entries) {
    const line = described(located.path, entry);
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > context.bytesMax) break;
    lines.push(line);
  }
  if (lines.length < entries.length) lines.push(`[… and ${entries.length - lines.length} more: use glob]`);
  return lines.join("\n") || `(${shownName(located.shown)} is empty)`;
}

function described(directory: string, entry: Dirent): string {
  const name = shownName(entry.name);
  if (!isReadableName(directory, entry.name))
    return `${name} (its name is not valid UTF-8: rename it by run_command)`;
  if (entry.isDirectory()) return `${name}/`;
  if (entry.isFile()) return name;
  const path = join(directory, entry.name);
  try {
    if (entry.isSymbolicLink()) return `${name} -> ${shownName(readlinkSync(path))}`;
    return `${name} (${special(lstatSync(path, { bigint: true }))})`;
  } catch {
    return `${name} (gone)`; // between the listing and the look
  }
}
