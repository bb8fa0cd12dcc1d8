// loopr export: a whole run as one JSON document, written as its pages come, so that its size does not matter.
import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Client } from "../client/types.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { isTerminal, writeOut } from "../lib/stdio.ts";
import { version } from "../lib/version.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { ExportWriter } from "./export-writer.ts";
import { styleOf, titleOf } from "./format.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop } from "./resolve.ts";
import { again, withSession } from "./session.ts";
import { usage } from "./usage.ts";

export async function exportRun(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const output = typeof typed["output"] === "string" ? typed["output"] : null;
  const force = typed["force"] === true;
  return withSession(context, ports, { reconnect: true }, async ({ client }) => {
    const { loop, loops, short } = await resolveLoop(
      client,
      args[0] ?? "",
      styleOf(context, ports.env),
      context,
    );
    const id = loop.root_id;
    // What is meant for programs must not flood a terminal.
    const named = output ?? (isTerminal(1) && !context.json ? `loopr-${short(id)}.json` : null);
    const head = { loopr: version, exported_at: ports.now() };
    if (named === null) {
      await copy(client, id, new ExportWriter(head, (text) => writeOut(1, text)));
      return exitCodes.done;
    }
    const file = resolve(context.cwd, named);
    const bytes = await toFile(file, force, (write) => copy(client, id, new ExportWriter(head, write)));
    if (context.json) context.print({ id, file, bytes });
    else {
      const root = loops.find((one) => one.id === id) ?? loop;
      context.say(`Exported ${short(id)} "${titleOf(root)}" to ${named} (${Math.ceil(bytes / 1024)} KiB)`);
    }
    return exitCodes.done;
  });
}

async function copy(client: Client, id: string, writer: ExportWriter): Promise<void> {
  for (let cursor: string | null = null; ;) {
    const page: Result<"run.export"> = await again(client, () => client.call("run.export", { id, cursor }));
    for (const entry of page.entries) writer.entry(entry);
    cursor = page.cursor;
    if (cursor === null) break;
  }
  writer.end();
}

/** Appears under its name when it is whole. Returns its size. */
async function toFile(
  file: string,
  force: boolean,
  fill: (write: (text: string) => void) => Promise<void>,
): Promise<number> {
  if (!force && existsSync(file)) throw usage(`${file} is there already`, "--force replaces it");
  const aside = `${file}.part`;
  let bytes = 0;
  try {
    const fd = openSync(aside, "w", 0o600);
    try {
      await fill((text) => {
        bytes += writeAll(fd, Buffer.from(text));
      });
    } finally {
      closeSync(fd);
    }
    renameSync(aside, file);
  } catch (error) {
    rmSync(aside, { force: true });
    if (!(error instanceof Error) || !("syscall" in error)) throw error;
    const hint = "give -o a file in a directory that you may write to, with room for it";
    throw new LooprError("output_failed", `${file} cannot be written: ${messageOf(error)}`, hint, {
      cause: error,
    });
  }
  return bytes;
}

function writeAll(fd: number, bytes: Buffer): number {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
  return bytes.length;
}
