// Compiles src/main.ts into one executable, dist/loopr.
//   --if-stale   only when a source file is newer than the executable
//   --version V  build with another version number (tests of two versions side by side)
//   --build B    build with another build id (tests of two builds of one version)
//   --out FILE   where to
import { spawnSync, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { bunPath, root } from "./bun-path.mjs";

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const out = option("--out") ?? join(root, "dist", "loopr");
const sources = ["package.json", "package-lock.json", ...files("src")];

function files(dir) {
  if (!existsSync(join(root, dir))) return [];
  return readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

if (args.includes("--if-stale") && existsSync(out)) {
  const built = statSync(out).mtimeMs;
  if (sources.every((file) => statSync(join(root, file)).mtimeMs <= built)) process.exit(0);
}
const hash = createHash("sha256");
for (const file of sources)
  hash
    .update(file)
    .update("\0")
    .update(readFileSync(join(root, file)));

/** When the newest of the files was changed, as digits; SOURCE_DATE_EPOCH (seconds) overrides it. */
function newest(paths) {
  const epoch = Number(process.env.SOURCE_DATE_EPOCH) * 1000;
  const time = epoch || Math.max(...paths.map((file) => statSync(join(root, file)).mtimeMs));
  return new Date(time).toISOString().replace(/\D/g, "").slice(0, 14);
}
/** Sorts by age: a client of one version knows by it whether it is newer than the daemon. */
const build = option("--build") ?? `${newest(sources)}-${hash.digest("hex").slice(0, 12)}`;
const version = option("--version") ?? JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
mkdirSync(join(root, "dist"), { recursive: true });
const temporary = `${out}.${process.pid}.tmp`;
const result = spawnSync(
  bunPath(),
  [
    "build",
    join(root, "src", "main.ts"),
    "--compile",
    "--minify",
    "--bytecode",
    // A chunk for each role and command: what is not chosen is not loaded either.
    "--splitting",
    "--format=esm",
    "--sourcemap=none",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // The flag itself changes nothing for us. With any flag built in, Bun 1.4 starts in a directory that was deleted,
    // too; without one it refuses to before our code runs.
    "--compile-exec-argv=--no-deprecation",
    "--define",
    `LOOPR_VERSION=${JSON.stringify(version)}`,
    "--define",
    `LOOPR_BUILD=${JSON.stringify(build)}`,
    "--outfile",
    temporary,
  ],
  { cwd: root, encoding: "utf8" },
);
if (result.status !== 0) {
  rmSync(temporary, { force: true });
  console.error(result.stdout + result.stderr);
  console.error("error: the executable could not be built");
  process.exit(1);
}
renameSync(temporary, out); // atomic: a running daemon keeps its own inode
execFileSync(out, ["--version"]);
