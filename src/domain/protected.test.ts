import { describe, expect, test } from "bun:test";
import { classifyChanges, protectedDefaults, type ClassifyRequest } from "./protected.ts";

type Verdict = "second" | "forbidden" | "allowed" | "free";
type Status = "added" | "modified" | "deleted";

/** The class of one changed path; a modified or deleted one exists at the base. */
function classOf(path: string, status: Status, options: Partial<ClassifyRequest> = {}): Verdict {
  const baseFiles = [...(options.baseFiles ?? []), ...(status === "added" ? [] : [path])];
  const classes = classifyChanges({
    changes: [{ status, path }],
    command: "",
    checkCwd: "",
    configured: null,
    mayChange: [],
    ...options,
    baseFiles,
  });
  const found = [...classes.needSecondRun, ...classes.forbidden, ...classes.allowed];
  expect(found.length).toBeLessThanOrEqual(1);
  if (classes.needSecondRun.length > 0) return "second";
  if (classes.forbidden.length > 0) return "forbidden";
  return classes.allowed.length > 0 ? "allowed" : "free";
}

describe("tests that exist at the base", () => {
  test.each([
    "src/git/names_test.go",
    "a.test.ts",
    "deep/er/b.spec.tsx",
    "pkg/test_api.py",
    "tests/data/x.json",
    "sub/test/run",
    "src/__tests__/x.js",
    "spec/models/user_spec.rb",
    "src/test/java/com/x/Helper.java",
    "src/FooTest.java",
    "Foo.Tests/BarTests.cs",
    "test.sh",
    "t/basic.t",
    "check.bats",
    "x/__snapshots__/y.snap",
    "testdata/golden.txt",
    ".hidden/tests/x",
    "tests/.env.sample",
  ])("%s: changed or removed needs the second run, new is welcome", (path) => {
    expect(classOf(path, "modified")).toBe("second");
    expect(classOf(path, "deleted")).toBe("second");
    expect(classOf(path, "added")).toBe("free");
  });

  test.each([
    "src/main.ts",
    "contest.py",
    "latest.txt",
    "src/attest/x.go",
    "testing.md",
    "src/protest.rs",
    "README.md",
  ])("%s is none", (path) => {
    expect(classOf(path, "modified")).toBe("free");
    expect(classOf(path, "deleted")).toBe("free");
  });

  test("configured globs take the place of the defaults: whole paths, no surprises by basename", () => {
    const configured = ["golden/**", "*.expected", "checks", "./odd/"];
    const of = (path: string) => classOf(path, "modified", { configured });
    expect(["golden/.x", "a.expected", "checks/deep/a", "odd/x"].map(of)).toEqual([
      "second",
      "second",
      "second",
      "second",
    ]);
    expect(["sub/a.expected", "tests/x.py", "xchecks/a", "checks2"].map(of)).toEqual([
      "free",
      "free",
      "free",
      "free",
    ]);
    expect(classOf("conftest.py", "added", { configured: [] })).toBe("second");
    expect(protectedDefaults.length).toBeGreaterThan(10);
  });
});

describe("files that steer others", () => {
  test.each([
    "conftest.py",
    "pkg/tests/conftest.py",
    "sitecustomize.py",
    "pytest.ini",
    "tox.ini",
    "jest.config.js",
    "packages/a/vitest.config.mts",
    ".mocharc.json",
    "bunfig.toml",
    ".npmrc",
    "lib/pytest.py",
    "unittest/__init__.py",
    "node_modules/jest/index.js",
    ".cargo/config.toml",
    "spec/spec_helper.rb",
    "phpunit.xml",
    ".pnp.cjs",
    "go.work",
    "vendor/modules.txt",
    "build.rs",
    "crates/a/build.rs",
    ".env",
    "packages/a/.env.test",
    "usercustomize.py",
    "tools/x.pth",
  ])("%s: new or changed needs the second run", (path) => {
    expect(classOf(path, "added")).toBe("second");
    expect(classOf(path, "modified")).toBe("second");
  });

  test.each([".env.example", "src/build.rs.md", "docs/go.work.txt", "vendor/x/y.go"])(
    "%s does not",
    (path) => {
      expect(classOf(path, "added")).toBe("free");
    },
  );

  test.each(["tsconfig.json", "pnpm-workspace.yaml", "nx.json", "hatch.toml"])(
    "%s where it is changed",
    (path) => {
      expect(classOf(path, "modified")).toBe("second");
      expect(classOf(`packages/new/${path}`, "added")).toBe("free");
    },
  );

  test("a Makefile only where the check is make", () => {
    expect(classOf("Makefile", "modified", { command: "pytest" })).toBe("free");
    expect(classOf("Makefile", "modified", { command: "make -j4 test" })).toBe("forbidden");
    expect(classOf("GNUmakefile", "added", { command: "make test", baseFiles: ["Makefile"] })).toBe("second");
    expect(classOf("sub/Makefile", "modified", { command: "/usr/bin/make -C sub check" })).toBe("forbidden");
    expect(classOf("Makefile", "modified", { command: "make -C sub check" })).toBe("forbidden");
    expect(classOf("sub/Makefile", "modified", { command: "make", checkCwd: "sub" })).toBe("forbidden");
    expect(classOf("other/Makefile", "modified", { command: "make", checkCwd: "sub" })).toBe("free");
    expect(classOf("src/makefile.ts", "modified", { command: "make" })).toBe("free");
    expect(classOf("justfile", "deleted", { command: "just test" })).toBe("forbidden");
    expect(classOf("gradle/wrapper/gradle-wrapper.jar", "modified", { command: "./gradlew test" })).toBe(
      "forbidden",
    );
  });

  test("a new pyproject.toml steers only at the root; a new package brings its own manifest", () => {
    expect(classOf("pyproject.toml", "added")).toBe("second");
    expect(classOf("packages/new/pyproject.toml", "added")).toBe("free");
    expect(classOf("packages/old/pyproject.toml", "modified")).toBe("second");
    expect(classOf("crates/new/Cargo.toml", "added")).toBe("free");
    expect(classOf("Cargo.toml", "modified")).toBe("second");
  });

  test("package.json is the engine's to compare: dependencies may change", () => {
    expect(classOf("package.json", "modified", { command: "npm test" })).toBe("free");
  });
});

describe("what needs permission in any case", () => {
  test.each([
    ".github/workflows/ci.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".ci/run",
    "Jenkinsfile",
    "azure-pipelines.yml",
    ".travis.yml",
    ".loopr.yml",
    ".loopr/loopr.yml",
  ])("%s", (path) => {
    expect(classOf(path, "added")).toBe("forbidden");
    expect(classOf(path, "modified")).toBe("forbidden");
    expect(classOf(path, "deleted")).toBe("forbidden");
    expect(classOf(path, "modified", { mayChange: [path] })).toBe("allowed");
  });

  test("Loopr's own artifacts are exempt", () => {
    expect(classOf(".loopr/plans/x/plan.md", "added")).toBe("free");
  });

  const scripts: [command: string, cwd: string, path: string][] = [
    ["sh test.sh", "", "test.sh"],
    ["./scripts/check --fast", "", "scripts/check"],
    ["scripts/check;true", "", "scripts/check"],
    ["sh -c './scripts/check || exit 1'", "", "scripts/check"],
    ["cd sub && sh run.sh", "", "sub/run.sh"],
    ["sh run.sh", "sub", "sub/run.sh"],
    ["sh it\\ works.sh", "", "it works.sh"],
    ["sh ../run.sh", "sub", "run.sh"],
    ["sh run.sh", "sub", "run.sh"],
    ["X=1 python checks/all.py", ".", "checks/all.py"],
    ["pytest tests/test_a.py::test_one", "", "tests/test_a.py"],
    ["node --require ./hook.cjs --test", "", "hook.cjs"],
    ["mocha --config=conf/m.json", "", "conf/m.json"],
    ["bash <(cat checks/x.sh)", "", "checks/x.sh"],
    ['sh "it works.sh"', "", "it works.sh"],
  ];
  test.each(scripts)("the check `%s` in %p forbids %s", (command, checkCwd, path) => {
    expect(classOf(path, "modified", { command, checkCwd })).toBe("forbidden");
    expect(classOf(path, "deleted", { command, checkCwd })).toBe("forbidden");
    expect(classOf(path, "modified", { command, checkCwd, mayChange: [path] })).toBe("allowed");
  });

  test("a directory that the command names is not the check's script", () => {
    expect(classOf("src/main.py", "modified", { command: "ruff check src && pytest src" })).toBe("free");
    expect(classOf("src", "added", { command: "ruff check src" })).toBe("free");
  });

  test("a script that package.json runs for the check", () => {
    const commands = ["node scripts/test.mjs --all"];
    expect(classOf("scripts/test.mjs", "modified", { command: "npm test", indirect: commands })).toBe(
      "forbidden",
    );
    expect(classOf("Makefile", "modified", { command: "npm test", indirect: ["make check"] })).toBe(
      "forbidden",
    );
  });
});

describe("permission", () => {
  test("globs, directories and names with brackets", () => {
    const may = (mayChange: string[], path: string) => classOf(path, "modified", { mayChange });
    expect(may(["tests/**"], "tests/a/.b")).toBe("allowed");
    expect(may(["tests/"], "tests/a/b")).toBe("allowed");
    expect(may(["./tests"], "tests/a/b")).toBe("allowed");
    expect(may(["*.py"], "tests/a.py")).toBe("second");
    expect(may(["**/*.py"], "tests/a.py")).toBe("allowed");
    expect(may(["app/[id]/page.test.tsx"], "app/[id]/page.test.tsx")).toBe("allowed");
    expect(may(["!tests/**"], "tests/a.py")).toBe("second");
    expect(may(["", "/"], "tests/a.py")).toBe("second");
  });

  test("what needs no permission is not listed as allowed", () => {
    expect(classOf("src/a.ts", "modified", { mayChange: ["**"] })).toBe("free");
  });
});

test("a plan that nobody has read frees existing tests, and nothing else", () => {
  const files = [
    "test.sh",
    "tests/a.test.js",
    "tests/conftest.py",
    ".github/workflows/x.yml",
    ".loopr.yml",
    "Makefile",
  ];
  const classes = classifyChanges({
    changes: files.map((path) => ({ status: "modified", path })),
    baseFiles: files,
    command: "sh test.sh && make",
    checkCwd: "",
    configured: null,
    mayChange: [],
    unreadMayChange: ["**"],
  });
  expect(classes.allowed).toEqual(["tests/a.test.js"]);
  expect(classes.needSecondRun).toEqual(["tests/conftest.py"]);
  expect(classes.forbidden.map(({ path }) => path).toSorted()).toEqual([
    ".github/workflows/x.yml",
    ".loopr.yml",
    "Makefile",
    "test.sh",
  ]);
});
