// Outputs as the runners of these versions write them.
import { describe, expect, test } from "bun:test";
import {
  filesFailedAsWhole,
  filesPassedAsWhole,
  goPackagesWithoutEnd,
  hasNodeTests,
  mayExitInGo,
  mayHaveNodeTests,
  nodeRunnersEnded,
  withGoTestsNamed,
} from "./early-exit.ts";

describe("node --test", () => {
  const cases: [name: string, output: string, files: string[]][] = [
    [
      "TAP of Node 18 and 20: absolute",
      "TAP version 13\n# Subtest: /x/test/a.test.js\nok 1 - /x/test/a.test.js\n  ---\n  duration_ms: 1\n  ...\n# Subtest: b1\nok 2 - b1\n",
      ["/x/test/a.test.js"],
    ],
    [
      "TAP of Node 22: from where it ran",
      "# Subtest: test/a b.test.mts\nok 1 - test/a b.test.mts\n  ---\n  type: 'test'\n",
      ["test/a b.test.mts"],
    ],
    ["spec of Node 24", "\x1b[32m✔ test/a.test.js (59.444056ms)\x1b[39m\n✔ b1 (1.2ms)\n", ["test/a.test.js"]],
    [
      "with tests in it",
      "# Subtest: /x/a.js\n    # Subtest: t\n    ok 1 - t\n    1..1\nok 1 - /x/a.js\n",
      [],
    ],
    ["spec, behind what the file wrote", "   hi ✔ ✔ /x/test/a.test.js (59.4ms)\n", ["/x/test/a.test.js"]],
    [
      "JUnit's XML",
      '<testsuites>\n\t<testcase name="/x/a.test.ts" time="0.1" classname="test"/>\n\t<testcase name="b1" time="0.1" classname="test"/>\n',
      ["/x/a.test.ts"],
    ],
    ["failed as a whole", "# Subtest: /x/a.js\nnot ok 1 - /x/a.js\n✖ test/a.test.js (59.4ms)\n", []],
    ["tests alone", "# Subtest: greets\nok 1 - greets\n✔ greets (1ms)\n", []],
  ];
  test.each(cases)("%s", (_name, output, files) => {
    expect(filesPassedAsWhole(output)).toEqual(files);
  });

  test("files that failed as a whole", () => {
    const tap = "# Subtest: /x/a.js\nnot ok 1 - /x/a.js\n  ---\nnot ok 2 - greets\n";
    expect(filesFailedAsWhole(tap)).toEqual(["/x/a.js"]);
    expect(filesFailedAsWhole("✖ test/a b.mts (59.4ms)\n✖ greets (1ms)\n✔ c.js (1ms)\n")).toEqual([
      "test/a b.mts",
    ]);
    const junit =
      '\t<testcase name="a.js" time="0.1" classname="test" failure="x">\n\t<testcase name="b.js" time="1"/>\n';
    expect(filesFailedAsWhole(junit)).toEqual(["a.js"]);
  });

  test("a runner that came to its end", () => {
    expect(
      ["# tests 0", "ℹ tests 12", "\t<!-- tests 3 -->", "# tests 1\n# tests 2\n"].map(nodeRunnersEnded),
    ).toEqual([1, 1, 1, 2]);
    expect(nodeRunnersEnded("12 tests passed\n")).toBe(0);
  });

  test("a file with tests, by its text", () => {
    expect(hasNodeTests('const test = require("node:test");\ntest("x", () => {});')).toBe(true);
    expect(hasNodeTests("import { describe, it } from 'node:test';\ndescribe.only('x', f);")).toBe(true);
    // Under any name.
    for (const content of [
      "const t=require('node:test');const a=require('assert');t('add',f);",
      'import t from "node:test";\nt("x", f);',
      'import * as t from "node:test";\nt.test("x", f);',
      'import { test as t, before } from "node:test";\nt("x", f);',
      'const { before, it: t } = require("node:test");\nt("x", f);',
      'require("node:test")("x", f);',
      'const t: Runner = (await import("node:test")).test;\nt("x", f);',
    ])
      expect([content, hasNodeTests(content)]).toEqual([content, true]);
    expect(hasNodeTests('const { before, mock } = require("node:test");\nbefore(f);')).toBe(false);
    expect(hasNodeTests('const help = "uses node:test";\nassert(1);')).toBe(false);
    expect(hasNodeTests('import { before } from "node:test";\nbefore(setUp);')).toBe(false);
    expect(hasNodeTests('require("assert").ok(true);\ntest("x");')).toBe(false);
    expect(mayHaveNodeTests('const { test } = require("./kit.js");\ntest("x");')).toBe(true);
    expect(mayHaveNodeTests('import { it } from "./kit.js";\nit.skip("x");')).toBe(true);
    expect(mayHaveNodeTests('require("assert").ok(true);')).toBe(false);
    expect(mayHaveNodeTests('function test() {}\ntest("x");')).toBe(false);
  });
});

describe("go test", () => {
  // Go 1.26: `go test -v ./...` where the tests of x/b end by syscall.Exit(0), those of x/c by an init.
  const verbose =
    "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/a\t0.002s\n" +
    "=== RUN   TestA\nok  \tx/b\t0.003s\nok  \tx/c\t(cached)\n?   \tx/d\t[no test files]\n" +
    "testing: warning: no tests to run\nPASS\nok  \tx/e\t0.002s [no tests to run]\n" +
    "PASS\ncoverage: 10.0% of statements\nok  \tx/f\t0.002s\tcoverage: 10.0% of statements\n" +
    "--- FAIL: TestX (0.00s)\nFAIL\nFAIL\tx/g\t0.002s\nFAIL\n";

  test("named, a package that does not say PASS ended early", () => {
    expect(goPackagesWithoutEnd(verbose)).toEqual(["x/b", "x/c"]);
    expect(goPackagesWithoutEnd("PASS\nok  \tx\t0.002s\n")).toEqual([]);
    expect(goPackagesWithoutEnd("ok  \tx/a\t0.002s [no tests to run]\nok, all good\n")).toEqual([]);
  });

  test("unnamed, nothing shows it", () => {
    expect(goPackagesWithoutEnd("ok  \tx/a\t0.002s\nok  \tx/b\t0.002s\n")).toEqual(["x/a", "x/b"]);
  });

  test("code that may end its process", () => {
    for (const code of [
      "os.Exit(0)",
      "o.Exit(1)",
      "Exit(0)",
      "f := os.Exit",
      'import "C"',
      "syscall.RawSyscall(231)",
    ])
      expect(mayExitInGo(`package a\n${code}\n`)).toBe(true);
    expect(mayExitInGo('package a\nfunc A() string { return "exit" }\n')).toBe(false);
  });

  test("what the person has set for go counts still", () => {
    expect(withGoTestsNamed("go test ./...")).toBe('export GOFLAGS="$(go env GOFLAGS) -v"; go test ./...');
  });
});
