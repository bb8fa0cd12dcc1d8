// grep by ripgrep: it is told which files to search, and answers in JSON.
import { spawn } from "node:child_process";
import * as z from "zod/mini";
import { messageOf } from "../lib/errors.ts";
import { linesPerFileMax, patternFailure, type FoundFile, type Search } from "./grep.ts";
import { ToolFailure } from "./tool.ts";

/** The kernel takes about 2 MB of arguments; more files are searched in several runs. */
const argumentBytesMax = 512 * 1024;
/** A file whose matching line is longer than this cannot be searched. */
const messageBytesMax = 64 * 1024 * 1024;
const errorTextMax = 4_000;

const Text = z.union([z.object({ text: z.string() }), z.object({ bytes: z.string() })]);
const RipgrepMessage = z.union([
  z.object({ type: z.literal("begin"), data: z.object({ path: Text }) }),
  z.object({
    type: z.enum(["match", "context"]),
    data: z.object({ lines: Text, line_number: z.number() }),
  }),
  z.object({ type: z.literal("end"), data: z.object({ binary_offset: z.nullable(z.number()) }) }),
  z.object({ type: z.literal("summary") }),
]);

export async function searchWithRipgrep(ripgrep: string, search: Search): Promise<{ unreadable: number }> {
  let unreadable = 0;
  for (const files of batches(search.files)) {
    const result = await runRipgrep(ripgrep, files, search);
    unreadable += result.unreadable;
    if (!result.goOn) break;
  }
  // With no file to search the pattern is still to be judged.
  if (search.files.length === 0) await runRipgrep(ripgrep, ["/dev/null"], search);
  return { unreadable };
}

function* batches(files: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const file of files) {
    bytes += Buffer.byteLength(file) + 16;
    if (bytes > argumentBytesMax && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = Buffer.byteLength(file) + 16;
    }
    batch.push(file);
  }
  if (batch.length > 0) yield batch;
}

async function runRipgrep(
  ripgrep: string,
  files: readonly string[],
  search: Search,
): Promise<{ unreadable: number; goOn: boolean }> {
  // Sorted means: one thread, and the files in the order given. Without mmap a file that has a NUL
  // anywhere is recognised as binary.
  const options = ["--json", "--no-config", "--no-mmap", "--sort", "path", "-C", String(search.context)];
  const child = spawn(ripgrep, [...options, "-e", search.pattern, "--", ...files.map(plainArgument)], {
    cwd: search.worktree,
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => void child.kill("SIGKILL");
  search.signal.addEventListener("abort", kill, { once: true });
  let goOn = true;
  const failures: Error[] = [];
  let complaints = "";
  const messages = new Messages((file) => {
    goOn &&= search.onFile(file);
    if (!goOn) kill();
  });
  child.stdout.on("data", (chunk: Buffer) => {
    if (!goOn || failures.length > 0) return;
    try {
      messages.push(chunk);
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
      kill();
    }
  });
  child.stderr.on("data", (chunk: Buffer) => {
    if (complaints.length < errorTextMax) complaints += chunk.toString("utf8");
  });
  try {
    const code = await ended(child);
    search.signal.throwIfAborted();
    for (const failure of failures) throw failure;
    if (goOn && code !== 0 && code !== 1) return { unreadable: judge(complaints, code), goOn };
    return { unreadable: 0, goOn };
  } finally {
    search.signal.removeEventListener("abort", kill);
  }
}

/** Never an option, whatever the name begins with. */
function plainArgument(file: string): string {
  return file.startsWith("/") ? file : `./${file}`;
}

function ended(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) =>
      reject(new ToolFailure(`ripgrep could not be started: ${messageOf(error)}`)),
    );
    child.on("close", (code) => resolve(code));
  });
}

/** A pattern that is not valid, or files that could not be read: how many. */
function judge(complaints: string, code: number | null): number {
  const lines = complaints.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > 0 && lines.every((line) => line.includes("(os error "))) return lines.length;
  if (lines.length === 0) throw new ToolFailure(`ripgrep ended with ${code ?? "a signal"}`);
  throw patternFailure(complaints.trim());
}

/** Puts ripgrep's messages together, file by file. */
class Messages {
  readonly #onFile: (file: FoundFile) => void;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #file: FoundFile | null = null;

  constructor(onFile: (file: FoundFile) => void) {
    this.#onFile = onFile;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(start, end)]);
      this.#rest = [];
      this.#restBytes = 0;
      this.#message(line.toString("utf8"));
      start = end + 1;
    }
    this.#rest.push(chunk.subarray(start));
    this.#restBytes += chunk.length - start;
    if (this.#restBytes > messageBytesMax) {
      throw new ToolFailure("a matching line is too long to be shown: exclude its file by path or glob");
    }
  }

  #message(line: string): void {
    const message = z.parse(RipgrepMessage, JSON.parse(line));
    if (message.type === "begin") {
      this.#file = { path: bytesOf(message.data.path).toString("utf8").replace(/^\.\//, ""), lines: [] };
    } else if (message.type === "end") {
      if (this.#file && message.data.binary_offset === null) this.#onFile(this.#file);
      this.#file = null;
    } else if (message.type !== "summary" && this.#file && this.#file.lines.length < linesPerFileMax) {
      const bytes = bytesOf(message.data.lines);
      const length = bytes.at(-1) === 10 ? bytes.length - 1 : bytes.length;
      this.#file.lines.push({
        number: message.data.line_number,
        bytes: bytes.subarray(0, length),
        match: message.type === "match",
      });
    }
  }
}

function bytesOf(text: z.infer<typeof Text>): Buffer {
  return "text" in text ? Buffer.from(text.text) : Buffer.from(text.bytes, "base64");
}
