// write_file: a whole file, new or instead of the one that is there.
import { locateForWriting, requireFile } from "./paths.ts";
import { replaceFile } from "./replace-file.ts";
import { shownName, type ToolContext } from "./tool.ts";

export function writeFile(input: { path: string; content: string }, context: ToolContext): string {
  const { job, reads } = context;
  const located = locateForWriting(job.worktree_dir, input.path);
  if (located.stat !== null) requireFile(located);
  const stat = replaceFile(located, input.content);
  // Who wrote a file knows what is in it.
  reads.note(job.loop_id, job.iteration, located.path, stat);
  const lines = input.content.split("\n").length - (input.content.endsWith("\n") ? 1 : 0);
  const what = located.stat === null ? "Wrote" : "Replaced";
  return `${what} ${shownName(located.shown)} (${input.content === "" ? 0 : lines} lines)`;
}
