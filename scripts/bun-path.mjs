// Where this checkout's Bun is. The `bun` package links its binary in a postinstall step that
// `npm ci --ignore-scripts` (and npm's script approval) skips; the platform package always has it.
import { existsSync, readdirSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function bunPath() {
  const scope = join(root, "node_modules", "@oven");
  const candidates = existsSync(scope)
    ? readdirSync(scope).map((name) => join(scope, name, "bin", "bun"))
    : [];
  candidates.push(join(root, "node_modules", ".bin", "bun"));
  for (const candidate of candidates) {
    if (existsSync(candidate) && spawnSync(candidate, ["--version"]).status === 0) return candidate;
  }
  console.error(
    "error: no Bun for this platform in node_modules\n  hint: run `npm ci` again with optional dependencies",
  );
  process.exit(1);
}
