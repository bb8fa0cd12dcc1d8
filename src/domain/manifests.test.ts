import { describe, expect, test } from "bun:test";
import {
  holdsSettings,
  onlyDependenciesChanged,
  packageScripts,
  packageScriptsChanged,
} from "./manifests.ts";

describe("packageScriptsChanged", () => {
  const before = JSON.stringify({
    name: "x",
    scripts: { test: "node --test", build: "tsc" },
    jest: { a: 1, b: 2 },
    devDependencies: { jest: "^29.0.0" },
  });
  const with_ = (part: object) => JSON.stringify({ ...(JSON.parse(before) as object), ...part });
  const cases: [what: string, after: string | null, changed: boolean][] = [
    ["nothing", before, false],
    [
      "order and white space",
      JSON.stringify(
        {
          jest: { b: 2, a: 1 },
          devDependencies: { jest: "^29.0.0" },
          scripts: { build: "tsc", test: "node --test" },
        },
        null,
        4,
      ),
      false,
    ],
    ["a new dependency", with_({ dependencies: { left: "1.0.0", own: "file:./own" } }), false],
    ["a newer version", with_({ devDependencies: { jest: "^30.0.0" } }), false],
    ["a script changed", with_({ scripts: { test: "true", build: "tsc" } }), true],
    [
      "a script added (pretest)",
      with_({ scripts: { pretest: "x", test: "node --test", build: "tsc" } }),
      true,
    ],
    ["settings of a test tool", with_({ jest: { a: 1, b: 2, testPathIgnorePatterns: ["x"] } }), true],
    ["new settings of a test tool", with_({ mocha: {} }), true],
    ["the test tool taken from elsewhere", with_({ devDependencies: { jest: "file:./fake" } }), true],
    ["the test tool taken from a repository", with_({ devDependencies: { jest: "someone/fake" } }), true],
    ["the test tool replaced by an alias", with_({ devDependencies: { jest: "npm:fake@1" } }), true],
    ["removed", null, true],
    ["not JSON", "{", true],
    ["no object", "[]", true],
  ];
  test.each(cases)("%s", (_, after, changed) => {
    expect(packageScriptsChanged(before, after)).toBe(changed);
  });

  test("a file that was broken before counts only where it changed", () => {
    expect(packageScriptsChanged("{", "{")).toBe(true);
    expect(packageScriptsChanged("{", before)).toBe(true);
  });
});

describe("packageScripts", () => {
  const json = JSON.stringify({
    scripts: {
      pretest: "node tools/prepare.js",
      test: "npm run unit && yarn e2e",
      unit: "node --test",
      e2e: "sh e2e.sh",
      "check:all": "make check",
      loop: "npm run loop",
      unused: "rm -rf /",
    },
  });
  const cases: [command: string, scripts: string[]][] = [
    ["npm test", ["node tools/prepare.js", "npm run unit && yarn e2e", "node --test", "sh e2e.sh"]],
    ["npm t", ["node tools/prepare.js", "npm run unit && yarn e2e", "node --test", "sh e2e.sh"]],
    ["CI=1 npm run --silent check:all", ["make check"]],
    ["cd . && pnpm unit", ["node --test"]],
    ["yarn run unit", ["node --test"]],
    ["bun run unit", ["node --test"]],
    ["node --run unit", ["node --test"]],
    ["npm run loop", ["npm run loop"]],
    ["sh test.sh", []],
    ["npm run none", []],
  ];
  test.each(cases)("%s", (command, scripts) => {
    expect(packageScripts(json, command)).toEqual(scripts);
  });

  test("no readable package.json: none", () => {
    expect(packageScripts("", "npm test")).toEqual([]);
    expect(packageScripts('{"scripts": 1}', "npm test")).toEqual([]);
  });
});

describe("onlyDependenciesChanged", () => {
  const pyproject = (dependencies: string, options: string) =>
    `[project]\nname = "x"\ndependencies = [\n${dependencies}]\n\n# tests\n[tool.pytest.ini_options]\n${options}\n`;
  const before = pyproject('  "a",\n', 'addopts = "-q"');

  test("dependencies and description, comments and empty lines", () => {
    expect(
      onlyDependenciesChanged("pyproject.toml", before, pyproject('  "a",\n  "b>=1",\n', 'addopts = "-q"')),
    ).toBe(true);
    expect(onlyDependenciesChanged("a/pyproject.toml", before, `${before}\n# more\n`)).toBe(true);
    expect(
      onlyDependenciesChanged("pyproject.toml", before, `${before}[dependency-groups]\ndev = ["b"]\n`),
    ).toBe(true);
  });

  test("settings of tools, however they are written", () => {
    const others = [
      pyproject('  "a",\n', 'addopts = "--ignore=tests"'),
      before.replace("[tool.pytest.ini_options]", "[tool.other]"),
      `tool.pytest.ini_options.addopts = "-x"\n${before}`,
      `${before}[tool.coverage.run]\nomit = ["*"]\n`,
      `${before}[ tool . "tox" ]\nx = 1\n`,
      `${before}x = """\n[project]\n"""\naddopts = "--ignore=tests"\n`,
      `${before}[build-system]\nbackend-path = ["."]\n`,
    ];
    for (const after of others) expect(onlyDependenciesChanged("pyproject.toml", before, after)).toBe(false);
  });

  test("other formats, and files that are not compared", () => {
    const cargo = '[package]\nname = "x"\n[dependencies]\na = "1"\n';
    expect(
      onlyDependenciesChanged("Cargo.toml", cargo, `${cargo}b = "2"\n[dev-dependencies.c]\nversion = "1"\n`),
    ).toBe(true);
    expect(onlyDependenciesChanged("Cargo.toml", cargo, `${cargo}[lib]\ntest = false\n`)).toBe(false);
    expect(
      onlyDependenciesChanged("Cargo.toml", cargo, cargo.replace("[dep", "autotests = false\n[dep")),
    ).toBe(false);
    const cfg = "[options]\ninstall_requires =\n  a\n[tool:pytest]\naddopts = -q\n";
    expect(onlyDependenciesChanged("setup.cfg", cfg, cfg.replace("  a\n", "  a\n  b\n"))).toBe(true);
    expect(onlyDependenciesChanged("setup.cfg", cfg, cfg.replace("-q", "-x"))).toBe(false);
    expect(["pyproject.toml", "a/Cargo.toml", "setup.cfg"].every(holdsSettings)).toBe(true);
    expect(["xpyproject.toml", "tox.ini", "package.json"].some(holdsSettings)).toBe(false);
    expect(onlyDependenciesChanged("tox.ini", "a", "a")).toBe(false);
  });
});

describe("scripts that a check calls", () => {
  const scripts = { test: "npm run unit", unit: "node a.js", start: "node b.js", "test:x": "node x.js" };
  const changed = (
    extra: Record<string, string>,
    command = "npm test",
    before: Record<string, string> = scripts,
  ) =>
    packageScriptsChanged(
      JSON.stringify({ scripts: before }),
      JSON.stringify({ scripts: { ...before, ...extra } }),
      [command],
    );
  test("others are free", () => {
    expect(changed({ start: "node c.js" })).toBe(false);
    expect(changed({ dev: "node d.js" })).toBe(false);
  });
  test.each(["test", "unit", "pretest", "postunit", "prepare", "postinstall"])("%s is not", (name) => {
    expect(changed({ [name]: "true" })).toBe(true);
  });
  test("where a tool takes them by patterns, or in many packages, all count", () => {
    expect(changed({ "test:x": "true" }, "npm test", { ...scripts, test: "run-s test:*" })).toBe(true);
    expect(changed({ start: "true" }, "npm test --workspaces")).toBe(true);
    expect(changed({ start: "true" }, "pnpm -r test")).toBe(true);
  });
});

test("packages that go leaves out of ./... count", () => {
  const before = "module x\n\ngo 1.25\n\nignore ./docs\n";
  expect(onlyDependenciesChanged("go.mod", before, `${before}ignore (\n\t./p // slow\n)\n`)).toBe(false);
  expect(onlyDependenciesChanged("go.mod", before, `${before}ignore ./p\n`)).toBe(false);
  expect(onlyDependenciesChanged("go.mod", before, `${before}require y v1.0.0\n`)).toBe(true);
  expect(onlyDependenciesChanged("go.mod", before, "module x\n\ngo 1.25\n")).toBe(true);
});

test("packages that are no longer the workspace's count, further ones do not", () => {
  const before = JSON.stringify({ workspaces: ["p", "q"] });
  const changed = (workspaces: unknown) => packageScriptsChanged(before, JSON.stringify({ workspaces }));
  expect(changed(["q"])).toBe(true);
  expect(changed(["p", "q", "!p"])).toBe(true);
  expect(changed({ packages: ["p"] })).toBe(true);
  expect(changed(["q", "p", "r"])).toBe(false);
  expect(changed({ packages: ["p", "q"] })).toBe(false);
  expect(packageScriptsChanged("{}", before)).toBe(false);
});
