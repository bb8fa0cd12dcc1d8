// Another version or build of the program, for tests of two that are installed side by side.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const script = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "scripts", "build.mjs");

export interface OtherBuild {
  /** The executable. */
  path: string;
  remove(): void;
}

/** `as`: `--version` or `--build`, and which. Takes seconds: once a test file. */
export function buildOther(...as: ["--version" | "--build", string]): OtherBuild {
  const dir = mkdtempSync(join(tmpdir(), "loopr-build-"));
  const path = join(dir, "loopr");
  const result = spawnSync("node", [script, ...as, "--out", path], { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${as.join(" ")} could not be built: ${result.stderr}`);
  return { path, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
