import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { detectChecks } from "./detect.ts";

let scratch: string;
beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), "loopr-detect-"))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const manifest = (extra: object = {}) => JSON.stringify({ scripts: { test: "node --test" }, ...extra });
const depends = { devDependencies: { vitest: "1" } };

const cases: [name: string, files: Record<string, string>, command: string | null, setup?: string | null][] =
  [
    ["nothing", { "README.md": "x" }, null],
    ["npm without dependencies", { "package.json": manifest() }, "npm test", null],
    [
      "npm with a lock file",
      { "package.json": manifest(depends), "package-lock.json": "{}" },
      "npm test",
      "npm ci",
    ],
    ["npm without a lock file", { "package.json": manifest(depends) }, "npm test", "npm install"],
    [
      "pnpm",
      { "package.json": manifest(depends), "pnpm-lock.yaml": "" },
      "pnpm test",
      "pnpm install --frozen-lockfile",
    ],
    [
      "yarn",
      { "package.json": manifest(depends), "yarn.lock": "" },
      "yarn test",
      "yarn install --frozen-lockfile",
    ],
    [
      "bun",
      { "package.json": manifest(depends), "bun.lock": "" },
      "bun run test",
      "bun install --frozen-lockfile",
    ],
    ["bun without a script", { "package.json": "{}", "bun.lock": "", "a.test.ts": "" }, "bun test", null],
    ["bun without a script or tests", { "package.json": "{}", "bun.lock": "", "a.ts": "" }, null],
    ["pytest by its tests", { "requirements.txt": "", "tests/test_a.py": "" }, "python3 -m pytest -q", null],
    ["declared manager", { "package.json": manifest({ packageManager: "pnpm@9.0.0" }) }, "pnpm test", null],
    [
      "npm init's placeholder",
      { "package.json": manifest({ scripts: { test: "echo 'no test specified'" } }) },
      null,
    ],
    ["package.json of other kinds", { "package.json": "[1" }, null],
    ["package.json with odd types", { "package.json": '{"scripts": 3}' }, null],
    ["pytest.ini", { "pytest.ini": "" }, "python3 -m pytest -q", null],
    [
      "pyproject with pytest and uv",
      { "pyproject.toml": "[tool.pytest]", "uv.lock": "" },
      "uv run pytest -q",
      "uv sync --frozen",
    ],
    [
      "pyproject and poetry",
      { "pyproject.toml": "pytest", "poetry.lock": "" },
      "poetry run pytest -q",
      "poetry install",
    ],
    ["pyproject without tests", { "pyproject.toml": "[project]" }, null],
    ["cargo", { "Cargo.toml": "" }, "cargo test", null],
    ["go", { "go.mod": "module x" }, "go test ./...", null],
    ["gradle", { "build.gradle.kts": "", gradlew: "" }, "./gradlew test", null],
    ["maven", { "pom.xml": "" }, "mvn -B -q test", null],
    ["make test", { Makefile: "all:\n\techo\ntest: all\n\t./t\n" }, "make test", null],
    ["make check", { Makefile: "check:\n\t./t\n" }, "make check", null],
    ["make, a variable called test", { Makefile: "test := 1\nother:\n" }, null],
    ["a script, executable", { "test.sh": "#!/bin/sh\n" }, "./test.sh", null],
  ];
for (const [name, files, command, setup] of cases) {
  test(name, () => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(scratch, path)), { recursive: true });
      writeFileSync(join(scratch, path), text);
      chmodSync(join(scratch, path), path.endsWith(".sh") ? 0o755 : 0o644);
    }
    const [first] = detectChecks(scratch);
    expect(first?.command ?? null).toBe(command);
    if (setup !== undefined) expect(first?.setup ?? null).toBe(setup);
  });
}

test("several ways: all of them, the most telling first", () => {
  for (const [path, text] of [
    ["Makefile", "test:\n"],
    ["Cargo.toml", ""],
    ["test.sh", ""],
  ] as const) {
    writeFileSync(join(scratch, path), text, { mode: 0o644 });
  }
  expect(detectChecks(scratch).map((found) => found.command)).toEqual([
    "cargo test",
    "make test",
    "sh test.sh",
  ]);
});

test("what is there but unreadable says nothing, and breaks nothing", () => {
  mkdirSync(join(scratch, "package.json"));
  mkdirSync(join(scratch, "Makefile"));
  expect(detectChecks(scratch)).toEqual([]);
  expect(detectChecks(join(scratch, "absent"))).toEqual([]);
});
