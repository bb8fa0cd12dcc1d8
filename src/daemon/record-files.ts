// The files of a loop's iteration records, in pieces small enough for a message.
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import type { Placed, Position } from "./export-page.ts";

/** JSON makes up to six characters of a byte, and a message is one line of at most 1 MiB. Bytes. */
const pieceBytesMax = 96 * 1024;

export interface Secrets {
  redact: (text: string) => string;
  /** How much of a text's end may be the beginning of one. */
  openSecret: (text: string) => number;
}

/** What comes after `last`, by iteration and name. Text that is not UTF-8 has its broken bytes replaced. */
export async function* filesAfter(
  recordsDir: string,
  loopId: string,
  last: Position | null,
  secrets: Secrets,
): AsyncGenerator<Placed> {
  const directory = join(recordsDir, loopId);
  for (const iteration of await iterationsIn(directory)) {
    if (last && iteration < last.n) continue;
    for (const name of await filesIn(join(directory, String(iteration)))) {
      const same = last?.n === iteration;
      if (last && same && name < last.name) continue;
      // A file that was handed out whole is at -1.
      const begun = last && same && name === last.name ? last.offset : 0;
      yield* piecesOf(join(directory, String(iteration), name), begun, { loopId, iteration, name, secrets });
    }
  }
}

interface File {
  loopId: string;
  iteration: number;
  name: string;
  secrets: Secrets;
}

async function* piecesOf(path: string, begun: number, of: File): AsyncGenerator<Placed> {
  await using file = await open(path, "r");
  for (let offset = begun; offset !== -1;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(pieceBytesMax), 0, pieceBytesMax, offset);
    const bytes = buffer.subarray(0, bytesRead);
    const more = bytesRead === pieceBytesMax;
    const length = more ? wholeCharacters(bytes) : bytesRead;
    const clean = of.secrets.redact(bytes.subarray(0, length).toString("utf8"));
    // What a secret may begin with comes with the next piece, so that the secret is seen whole.
    const text = more ? clean.slice(0, clean.length - of.secrets.openSecret(clean)) : clean;
    offset = more ? offset + length - Buffer.byteLength(clean.slice(text.length)) : -1;
    yield {
      entry: {
        section: "files",
        value: { loop_id: of.loopId, iteration: of.iteration, name: of.name, text, more },
      },
      at: { section: "files", loop: of.loopId, n: of.iteration, name: of.name, offset },
    };
  }
}

/** How much of the bytes ends between two characters. */
function wholeCharacters(bytes: Buffer): number {
  let at = bytes.length;
  // At most three bytes of a character stand behind its first one.
  while (at > bytes.length - 4 && at > 0 && ((bytes[at - 1] ?? 0) & 0xc0) === 0x80) at -= 1;
  const isFirst = at > 0 && ((bytes[at - 1] ?? 0) & 0xc0) === 0xc0;
  return isFirst ? at - 1 : bytes.length;
}

async function iterationsIn(directory: string): Promise<number[]> {
  const names = await entriesOf(directory);
  return names
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

async function filesIn(directory: string): Promise<string[]> {
  return (await entriesOf(directory)).filter((name) => /\.(md|log|jsonl)$/.test(name)).sort();
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return []; // it has said nothing yet, or its records were pruned
    throw error;
  }
}
