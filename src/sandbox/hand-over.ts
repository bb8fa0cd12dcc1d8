import type { ChildProcess } from "node:child_process";
import type { Writable } from "node:stream";

/** Gives a started program something to read on one of its descriptors, opened as a pipe. */
export function handOver(child: ChildProcess, fd: number, content: string | Buffer): void {
  const stream = child.stdio[fd] as Writable | null | undefined; // none where it could not be started
  stream?.on("error", () => {}); // it ended before it had read that: its exit tells
  stream?.end(content);
}
