// trust.json in the home: which content of which project's file a person has accepted.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { ProjectFile } from "./project-file.ts";
import { readSmallFile } from "./read.ts";

/** Project hash → SHA-256 of the file's content. */
const TrustFile = z.record(z.string(), z.string());
const trustFileBytesMax = 4 * 1024 * 1024;

export interface TrustedProject {
  /** The home, `~/.loopr`. */
  dataDir: string;
  projectHash: string;
}

export type TrustState =
  | "not_needed" // nothing in it makes commands run
  | "trusted"
  | "changed" // an earlier content was trusted
  | "unknown";

export function trustState(project: TrustedProject, file: ProjectFile): TrustState {
  if (!file.trusted.length) return "not_needed";
  const recorded = readTrust(project.dataDir)[project.projectHash];
  if (recorded === undefined) return "unknown";
  return recorded === digest(file.text) ? "trusted" : "changed";
}

/** Throws `not_trusted` where the file makes commands run and nobody has accepted it as it is now. */
export function requireTrust(project: TrustedProject, file: ProjectFile): void {
  const state = trustState(project, file);
  if (state === "trusted" || state === "not_needed") return;
  const keys = file.trusted.map((entry) => entry.key.name).join(", ");
  throw new LooprError(
    "not_trusted",
    state === "changed"
      ? `${file.path} has changed since it was trusted, and makes commands run (${keys})`
      : `${file.path} makes commands run (${keys}) and is not trusted`,
    "`loopr trust` shows what it runs and accepts it",
  );
}

/**
 * Accepts the content of a project's file as it is. Of two processes that write at the same moment the
 * later wins; the worst that comes of it is that the other project has to be trusted again.
 */
export function trust(project: TrustedProject, text: string): void {
  const path = join(project.dataDir, "trust.json");
  const content = { ...readTrust(project.dataDir), [project.projectHash]: digest(text) };
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(project.dataDir, { recursive: true, mode: 0o700 });
    rmSync(temporary, { force: true }); // left over from an earlier process of this number
    writeFileSync(temporary, JSON.stringify(content, null, 2) + "\n", { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary, { force: true });
    throw new LooprError(
      "home_unusable",
      `${path} cannot be written: ${messageOf(error)}`,
      "make the directory writable, or set LOOPR_HOME to one that is",
      { cause: error },
    );
  }
}

function readTrust(dataDir: string): Record<string, string> {
  const path = join(dataDir, "trust.json");
  const text = readSmallFile(path, trustFileBytesMax);
  if (text === null) return {};
  const parsed = TrustFile.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new LooprError(
    "config_invalid",
    `${path} is damaged`,
    "remove it, then run `loopr trust` in the repositories that you trust",
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
