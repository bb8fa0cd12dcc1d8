// What a loop may change, on commits of a real repository.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import { runRecord } from "../../test/support/records.ts";
import { createGit } from "../git/git.ts";
import { defaultConfig } from "../domain/config.ts";
import type { Classes } from "../domain/protected.ts";
import { classifyWork } from "./protection.ts";

let fixture: GitFixture;
beforeEach(() => {
  fixture = gitFixture();
});
afterEach(() => fixture.remove());

const packageJson = (extra: object = {}, test = "node scripts/test.mjs") =>
  JSON.stringify({ scripts: { test }, ...extra }, null, 2);

/** Classes of the difference between two states of a repository. */
async function classesOf(
  command: string,
  base: Record<string, string>,
  changes: Record<string, string>,
  mayChange: string[] = [],
) {
  const root = fixture.repository("repo", base);
  const opened = await createGit(fixture.env).open(root);
  fixture.write(root, changes);
  fixture.git(root, "add", "--all");
  fixture.git(root, "commit", "--quiet", "-m", "work");
  const { repository, head } = opened;
  const validation = { ...defaultConfig.validation, command };
  const run = runRecord({ config: { ...defaultConfig, validation }, check_cwd: "", may_change: [] });
  const commit = fixture.git(root, "rev-parse", "HEAD");
  const request = { repository, run, base: head, commit, mayChange };
  return classifyWork({ ...request, changes: await repository.changes(head, commit) });
}

const pathsOf = ({ forbidden }: Classes) => forbidden.map(({ path }) => path);

test("a task may add a dependency", async () => {
  const base = { "package.json": packageJson(), "pyproject.toml": "[project]\ndependencies = []\n" };
  const changes = {
    "package.json": packageJson({ dependencies: { left: "1.0.0" } }),
    "pyproject.toml": '[project]\ndependencies = ["a"]\n',
  };
  expect(await classesOf("npm test", base, changes)).toEqual({
    needSecondRun: [],
    forbidden: [],
    allowed: [],
    told: [],
  });
});

test("it may not change what the check runs by way of package.json, unless permitted", async () => {
  const base = { "package.json": packageJson(), "scripts/test.mjs": "1", "src/a.js": "1" };
  const changes = { "package.json": packageJson({}, "true"), "scripts/test.mjs": "2", "src/a.js": "2" };
  const refused = await classesOf("CI=1 npm test", base, changes);
  expect(pathsOf(refused)).toEqual(["scripts/test.mjs", "package.json"]);
});

test("scripts that the check does not run are free, and those that it runs are not", async () => {
  const scripts = { test: "npm run unit", unit: "node a.js", start: "node b.js" };
  const base = { "package.json": JSON.stringify({ scripts }) };
  const now = { ...scripts, start: "node c.js", dev: "node d.js" };
  expect(
    pathsOf(await classesOf("npm test", base, { "package.json": JSON.stringify({ scripts: now }) })),
  ).toEqual([]);
});

test("permission counts for manifests and scripts", async () => {
  const base = { "package.json": packageJson(), "scripts/test.mjs": "1" };
  const changes = { "package.json": packageJson({}, "true"), "scripts/test.mjs": "2" };
  const classes = await classesOf("npm test", base, changes, ["package.json", "scripts"]);
  const allowed = ["scripts/test.mjs", "package.json"];
  expect(classes).toEqual({ needSecondRun: [], forbidden: [], allowed, told: [] });
});

test("settings of a test tool in a manifest need the second run", async () => {
  const base = { "pyproject.toml": "[project]\ndependencies = []\n" };
  const changes = {
    "pyproject.toml": '[project]\ndependencies = []\n[tool.pytest.ini_options]\naddopts = "-x"\n',
  };
  expect((await classesOf("pytest", base, changes)).needSecondRun).toEqual(["pyproject.toml"]);
});

test("packages that come from elsewhere, and a new tsconfig that puts modules in the place of others", async () => {
  const lock = (resolved: string) => JSON.stringify({ packages: { "node_modules/chai": { resolved } } });
  const base = {
    "package-lock.json": lock("https://r.org/chai.tgz"),
    "Cargo.toml": '[dependencies]\na = "1"\n[[test]]\nname = "t"\n',
    "lib/a.ts": "1",
    "other/a.ts": "1",
  };
  const changes = {
    "package-lock.json": lock("file:fake.tgz"),
    "Cargo.toml": '[dependencies]\na = { path = "fake" }\n[[test]]\nname = "t"\n',
    "tsconfig.json": '{ "compilerOptions": { "paths": { "chai": ["./fake"] } } }',
    "lib/tsconfig.json": '{ "compilerOptions": { "strict": true } }',
    "fresh/tsconfig.json": '{ "extends": "../other" }',
    "fresh/a.ts": "1",
  };
  const { needSecondRun, forbidden } = await classesOf("npm test", base, changes);
  expect(needSecondRun.toSorted()).toEqual(["Cargo.toml", "package-lock.json", "tsconfig.json"]);
  expect(forbidden).toEqual([]);
  const harness = { "Cargo.toml": base["Cargo.toml"].replace('"t"', '"t"\nharness = false') };
  expect((await classesOf("cargo test", base, harness)).needSecondRun).toEqual(["Cargo.toml"]);
});

test("where the check runs no such tool, package.json is free", async () => {
  const base = { "package.json": packageJson() };
  expect(
    (await classesOf("go test ./...", base, { "package.json": packageJson({}, "true") })).forbidden,
  ).toEqual([]);
});

test("what a Makefile includes is part of it, through further includes, there already or new", async () => {
  const base = {
    Makefile: "include config.mk\n-include local.mk build/$(X).mk\ntest:\n\t./app\n",
    "config.mk": "include deep/rules.mk\n",
    "deep/rules.mk": "A = 1\n",
    "other.mk": "B = 1\n",
    app: "1",
  };
  const changes = {
    "config.mk": "SHELL = /bin/true\n",
    "deep/rules.mk": "SHELL = /bin/true\n",
    "local.mk": "SHELL = /bin/true\n",
    "other.mk": "B = 2\n",
    app: "2",
  };
  expect(await classesOf("make test", base, changes)).toEqual({
    needSecondRun: ["local.mk"],
    forbidden: [
      // A recipe of the check's own target runs it, as a script of package.json would.
      { path: "app", why: "run by Makefile, which the check runs" },
      ...["config.mk", "deep/rules.mk"].map((path) => ({ path, why: "recipes of the check include it" })),
    ],
    allowed: [],
    told: [],
  });
});

describe("a Makefile may have more rules", () => {
  const base = {
    Makefile: "include ci/more.mk\n.PHONY: test\ntest: unit\n\t$(MAKE) -C sub ready\nunit:\n\ttrue\n",
    "ci/more.mk": "lint:\n\ttrue\n",
    "sub/Makefile": "ready:\n\t./a\n",
    "sub/a": "sh",
  };
  const more = (path: keyof typeof base, added = "clean:\n\ttrue\n") => ({ [path]: base[path] + added });

  test("where nothing of the check can need them", async () => {
    const all = { ...more("Makefile"), ...more("ci/more.mk", "fmt:\n\ttrue\n"), ...more("sub/Makefile") };
    const classes = await classesOf("make test", base, all);
    expect(classes).toEqual({ needSecondRun: [], forbidden: [], allowed: [], told: [] });
  });

  test.each([
    ["make lint || make clean", "Makefile", "clean:\n\ttrue\n"],
    ["cmp Makefile x; make test", "Makefile", "clean:\n\ttrue\n"],
    ["make test", "sub/Makefile", "a: b\nb:\n\ttrue\n"],
  ] as const)("%s: not %s with %p", async (check, path, added) => {
    expect(pathsOf(await classesOf(check, base, more(path, added)))).toEqual([path]);
  });
});

test("a new file or directory that is called like make's target needs the second run", async () => {
  const base = { Makefile: "test: unit\n\tgrep -q x g.txt\nunit:\n\ttrue\nclean:\n\ttrue\n", "g.txt": "1" };
  const changes = { "test/a.txt": "1", unit: "1", clean: "1", "g.txt": "2", "src/test/a.txt": "1" };
  const { needSecondRun } = await classesOf("make -s test", base, changes);
  expect(needSecondRun.toSorted()).toEqual(["test/a.txt", "unit"]);
});

describe("what the check's scripts run is a part of the check", () => {
  const base = {
    "ci/check.sh":
      'cd "$(dirname "$0")/.."\n. ci/lib.sh\nci/inner.sh && sh greet.sh && [ "$(sh bye.sh)" = bye ]\n',
    "ci/lib.sh": "true\n",
    "ci/inner.sh": "for t in test/*_test.sh; do sh $t || exit 1; done\nci/check.sh; make -C sub ready\n",
    "sub/Makefile": "ready:\n\t./tools/ready.sh\nother:\n\t./tools/other.sh\n",
    "sub/tools/ready.sh": "true\n",
    "sub/tools/other.sh": "true\n",
    "test/greet_test.sh": "sh scripts/product.sh\n",
    "scripts/product.sh": "true\n",
    "greet.sh": "true\n",
    "bye.sh": "echo bye\n",
    "package.json": packageJson({}, "sh ci/check.sh"),
  };
  const changes = Object.fromEntries(
    Object.entries(base).map(([path, content]) => [
      path,
      `${content}${path.endsWith("file") ? "X =" : "#"}\n`,
    ]),
  );
  test.each(["sh ci/check.sh", "npm test"])(
    "%s: through scripts and recipes, as they are at the base",
    async (check) => {
      const classes = await classesOf(check, base, { ...changes, "package.json": base["package.json"] });
      const why = Object.fromEntries(classes.forbidden.map((one) => [one.path, one.why]));
      expect(why).toEqual({
        "ci/check.sh": "the check runs it",
        "ci/lib.sh": "sourced by ci/check.sh, which the check runs",
        "ci/inner.sh": "run by ci/check.sh, which the check runs",
        "sub/Makefile": "the check's recipes are in it",
        "sub/tools/ready.sh": "run by sub/Makefile, which the check runs",
      });
      expect(classes.needSecondRun).toEqual(["test/greet_test.sh"]);
      expect(classes.told).toEqual(["greet.sh"]);
    },
  );

  test("permission counts for them, and what the person says is protected is all that is told", async () => {
    const some = { "ci/lib.sh": "#", "greet.sh": "#" };
    expect(await classesOf("sh ci/check.sh", base, some, ["ci/lib.sh"])).toEqual({
      needSecondRun: [],
      forbidden: [],
      allowed: ["ci/lib.sh"],
      told: ["greet.sh"],
    });
  });
});

describe("what the check's programs import of the check's own is a part of it", () => {
  const base = {
    "scripts/check.mjs": 'import { all } from "./lib/all.mjs";\nimport { greet } from "../src/greet.mjs";\n',
    "scripts/lib/all.mjs": 'export * from "./deep.js";\nimport "../../test/kit.mjs";\n',
    "scripts/lib/deep.ts": "",
    "scripts/other.mjs": "",
    "src/greet.mjs": 'import "./word.mjs";\n',
    "src/word.mjs": "",
    "test/kit.mjs": "",
    "ci/check.py": "from steps import lint\nfrom greet import greet\n",
    "ci/steps/lint.py": "",
    "greet.py": "",
    "package.json": packageJson({}, "node scripts/check.mjs"),
  };
  const changes = Object.fromEntries(
    Object.entries(base).flatMap(([path, text]) => (path.endsWith("json") ? [] : [[path, `${text}\n//`]])),
  );

  test("in JavaScript, through further modules; the product is free", async () => {
    const { forbidden, needSecondRun, told } = await classesOf("npm test", base, changes);
    expect(Object.fromEntries(forbidden.map(({ path, why }) => [path, why]))).toEqual({
      "scripts/check.mjs": "the check runs it",
      "scripts/lib/all.mjs": "imported by scripts/check.mjs, which the check runs",
      "scripts/lib/deep.ts": "imported by scripts/lib/all.mjs, which scripts/check.mjs imports",
    });
    expect(needSecondRun).toEqual(["test/kit.mjs"]);
    expect(told).toEqual([]);
  });

  test.each(["python3 ci/check.py", "python3 -m ci.check"])("in Python: %s", async (check) => {
    const { forbidden, told } = await classesOf(check, base, changes);
    expect(forbidden.map(({ path }) => path)).toEqual(["ci/check.py", "ci/steps/lint.py"]);
    expect(told).toEqual([]);
  });
});
