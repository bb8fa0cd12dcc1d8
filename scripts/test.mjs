// npm test [-- file or folder …]: builds if needed, runs every test and closes with one line that counts
// them. Each file is a process of its own, as many at once as there are cores (two at least), long ones first.
// Files that say `@waits` mostly wait for the program's own deadlines: they go by, one at a time, beside the others.
//   --long   the tests of test/long instead (npm run test:long)
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { bunPath, root } from "./bun-path.mjs";

const args = process.argv.slice(2);
const long = args.includes("--long");
const filters = args.filter((arg) => !arg.startsWith("--"));
const atOnce = Number(process.env.LOOPR_TEST_JOBS) || Math.max(2, Math.min(8, availableParallelism()));
const testLimitMs = long ? 2_700_000 : 60_000;

const build = spawnSync(process.execPath, [join(root, "scripts", "build.mjs"), "--if-stale"], {
  stdio: "inherit",
});
if (build.status !== 0) process.exit(1);

const bun = bunPath();
const scratch = mkdtempSync(join(tmpdir(), "loopr-test-"));
const env = { ...process.env, LOOPR_TEST_LONG: long ? "1" : "" };
for (const name of Object.keys(env)) {
  if (/^(ANTHROPIC|OPENAI|LOOPR_(?!TEST)|GIT_)/.test(name)) delete env[name];
}

const queue = (
  filters.length ? filters : long ? ["test/long"] : ["test/e2e", "test/process", "test/unit", "src"]
)
  .flatMap(testFiles)
  .sort((a, b) => weight(b) - weight(a));
const waiting = queue.filter(waits);
const working = queue.filter((file) => !waiting.includes(file));
const total = { passed: 0, failed: 0, skipped: 0 };
const broken = [];
const lanes = [[waiting], ...Array.from({ length: atOnce }, () => [working, waiting])];
await Promise.all((atOnce > 1 ? lanes : lanes.slice(1)).map(work));
// What failed beside other tests is run once more, alone: a failure of the machine's load is told apart from
// a failure of the program, and both are named.
const unsteady = [];
for (const file of broken.splice(0)) {
  console.log(`again, alone: ${file}`);
  await runFile(file, true);
  if (!broken.includes(file)) unsteady.push(file);
}
rmSync(scratch, { recursive: true, force: true });
for (const file of unsteady) console.log(`UNSTEADY ${file}: failed beside others, passed alone`);
for (const file of broken) console.log(`FAILED ${file}`);
if (total.skipped) console.log(`${total.skipped} skipped`);
if (total.passed === 0 && total.failed === 0) total.failed = 1; // no test at all proves nothing
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed ? 1 : 0);

function testFiles(path) {
  const whole = join(root, path);
  if (!existsSync(whole)) return filters.length ? fail(`no such file or folder: ${path}`) : [];
  if (statSync(whole).isFile()) return [path];
  return readdirSync(whole, { recursive: true })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(path, name));
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** End-to-end files take seconds, unit files milliseconds; within each, size is a fair guess. */
function weight(file) {
  const size = statSync(join(root, file)).size;
  return file.startsWith("test/") ? size + 1_000_000 : size;
}

function waits(file) {
  return /^\/\/ @waits\b/m.test(readFileSync(join(root, file), "utf8"));
}

/** The lane of those that wait ends with them: with others it would be one too many at work. */
async function work([own, others = []]) {
  const next = () => own.shift() ?? others.shift();
  for (let file = next(); file !== undefined; file = next()) await runFile(file);
}

async function runFile(file, again = false) {
  const report = join(scratch, `${file.replaceAll("/", "_")}.xml`);
  const startedAt = performance.now();
  const { code, output } = await new Promise((resolve) => {
    const child = spawn(
      bun,
      [
        "test",
        "--timeout",
        String(testLimitMs),
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        `./${file}`,
      ],
      { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] },
    );
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("close", (code) => resolve({ code, output }));
  });
  const counts = countsIn(report);
  // A file that does not load, or an error between two tests, is in no count of Bun's report.
  if ((code !== 0 || counts.passed + counts.skipped === 0) && counts.failed === 0) counts.failed = 1;
  // A file that will be run again counts by its second run.
  if (again || !counts.failed) for (const key of Object.keys(total)) total[key] += counts[key];
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${counts.failed ? "FAIL" : "ok  "} ${file} (${counts.passed} passed, ${seconds} s)`);
  if (counts.failed) {
    broken.push(file);
    console.log(output);
  } else if (counts.skipped) {
    console.log(
      output
        .split("\n")
        .filter((line) => /skip/i.test(line))
        .join("\n"),
    ); // skipped, and loudly so
  }
}

function countsIn(report) {
  const head = existsSync(report) ? (/<testsuites[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] ?? "") : "";
  const number = (name) => Number(new RegExp(`${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  const skipped = number("skipped");
  return { passed: number("tests") - failed - skipped, failed, skipped };
}
