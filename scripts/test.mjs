// npm test [-- filter…]: builds if needed, runs every test and closes with one line that counts them.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunPath, root } from "./bun-path.mjs";

const args = process.argv.slice(2);
const long = args.includes("--long");
const filters = args.filter((arg) => arg !== "--long");
const built = spawnSync(process.execPath, [join(root, "scripts", "build.mjs"), "--if-stale"], {
  stdio: "inherit",
});
if (built.status !== 0) process.exit(1);

const scratch = mkdtempSync(join(tmpdir(), "loopr-test-"));
const report = join(scratch, "junit.xml");
const env = { ...process.env, LOOPR_TEST_LONG: long ? "1" : "" };
for (const name of Object.keys(env))
  if (/^(ANTHROPIC|OPENAI|LOOPR_(?!TEST)|GIT_)/.test(name)) delete env[name];
const paths = filters.length
  ? filters
  : long
    ? ["test/long"]
    : ["src", "test/unit", "test/e2e", "test/process"];
const run = spawn(
  bunPath(),
  [
    "test",
    "--timeout",
    long ? "600000" : "60000",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...paths,
  ],
  { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] },
);
run.on("exit", (code) => {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  try {
    const head = /<testsuites[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] ?? "";
    const number = (name) => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
    failed = number("failures") + number("errors");
    skipped = number("skipped");
    passed = number("tests") - failed - skipped;
  } catch {
    // No report: the runner itself ended early, which is counted below.
  }
  // A file that does not load, or an error between two tests, is in no count of Bun's report.
  if ((code !== 0 || passed === 0) && failed === 0) failed = 1;
  rmSync(scratch, { recursive: true, force: true });
  if (skipped) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
});
