// npm run check: format, types, lint, in parallel where it pays. Read-only.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./bun-path.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);
const steps = [
  ["format", bin("prettier"), ["--check", "--log-level", "warn", "."]],
  ["types (src, without Bun's)", bin("tsc"), ["-p", "tsconfig.json"]],
  ["types (tests)", bin("tsc"), ["-p", "tsconfig.test.json"]],
  ["lint", bin("eslint"), ["src", "test", "--max-warnings", "0"]],
  ["boundaries and unused code", process.execPath, [join(root, "scripts", "boundaries.mjs")]],
];
let failed = false;
await Promise.all(
  steps.map(
    ([name, command, args]) =>
      new Promise((resolve) => {
        const child = spawn(command, args, { cwd: root });
        let output = "";
        child.stdout.on("data", (data) => (output += data));
        child.stderr.on("data", (data) => (output += data));
        child.on("close", (code) => {
          if (code !== 0) {
            failed = true;
            console.error(`FAILED ${name}\n${output}`);
          } else console.log(`ok     ${name}`);
          resolve();
        });
      }),
  ),
);
process.exit(failed ? 1 : 0);
