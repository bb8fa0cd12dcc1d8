// Names of real repositories: what is a test, what is called like one.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { protectedDefaults } from "./protected.ts";
import { matcher } from "./tree-paths.ts";
import { isLikeSource, isSourceByContent } from "./test-names.ts";

const isProtected = matcher(protectedDefaults);
/** What the engine makes of a file: by its name, and where that leaves doubt by its content. */
const isTest = (path: string, content: string) =>
  isProtected(path) && !(isLikeSource(path) && isSourceByContent(content));

describe("tests by their names, whatever they hold", () => {
  test.each([
    [
      "JavaScript",
      "src/a.test.ts a.spec.tsx test/x.js src/__tests__/Foo-test.js a_test.ts test.js tests.mjs",
    ],
    [
      "JavaScript",
      "test-utils.ts src/test-helpers.ts src/test-setup.ts app/components/foo/spec/x.js e2e/a.ts",
    ],
    ["Python", "test_a.py a_test.py app/tests/test_views.py tests/data/x.json src/pkg/test_models.py"],
    ["Go", "pkg/a_test.go internal/testdata/golden.txt"],
    ["Rust", "tests/it.rs src/tests/mod.rs"],
    ["Ruby", "spec/a_spec.rb test/models/user_test.rb features/a.feature"],
    ["JVM", "src/test/java/A.java app/src/test/kotlin/B.kt src/it/FooIT.java a/FooTest.java FooSpec.scala"],
    [".NET", "Foo.Tests/BarTests.cs src/FooTest.cs"],
    ["C", "tests/a.c src/a_test.cc test_a.c src/foo_tests.cpp"],
    ["Erlang, Elixir", "test/a_test.exs src/a_tests.erl"],
    ["shell", "test.sh tests.sh run-tests.sh run_tests runtests.sh a.bats t/basic.t lib/run-test.sh"],
    ["Swift, PHP, Lisp", "Tests/FooTests.swift tests/FooTest.php foo-tests.el core-test.clj"],
  ])("%s: %s", (_ecosystem, names) => {
    for (const name of names.split(" ")) expect([name, isTest(name, "const x = 1;")]).toEqual([name, true]);
  });
});

test.each([
  "src/contest.py src/latest.ts lib/attestation.go docs/testing.md src/protest.rs src/greatest_hits.rb",
  "openapi-spec.yaml docs/api-spec.json src/inspector.ts src/aspect.ts src/testimonials/list.tsx",
  "src/runtest-report/x.css src/testament.c pytestify/core.py src/specification.ts",
])("no tests: %s", (names) => {
  for (const name of names.split(" ")) expect([name, isTest(name, "")]).toEqual([name, false]);
});

describe("called like a test, in a product's own directory: the content decides", () => {
  const sources: [path: string, content: string][] = [
    ["src/domain/zero-tests.ts", "export const none = (text: string) => /0 tests/.test(text);\n"],
    ["src/domain/test-counts.ts", "const summaries = [/ok/]; // what runners say\nexport const n = 1;\n"],
    ["src/commands/test.ts", "export function command(args: string[]) { return run(args); }\n"],
    ["packages/cli/src/run-tests.ts", "export const plan = () => [];\n"],
    ["app/models/speed_test.py", "class Measurement:\n    unit = 'Mbit/s'\n"],
    ["lib/ab-test.js", "exports.variant = (user) => user.id % 2;\n"],
    ["internal/core/load_tests.py", "def load(suite_name):\n    return suite_name\n"],
  ];
  test("this project's own files of that kind", () => {
    for (const name of ["zero-tests", "test-counts"]) {
      const content = readFileSync(join(import.meta.dir, `${name}.ts`), "utf8");
      expect([name, isTest(`src/domain/${name}.ts`, content)]).toEqual([name, false]);
    }
  });

  test.each(sources)("%s is part of the program", (path, content) => {
    expect(isProtected(path)).toBe(true);
    expect(isTest(path, content)).toBe(false);
  });

  const tests: [path: string, content: string][] = [
    ["src/zero-tests.ts", 'import { test } from "bun:test";\n'],
    ["src/core-test.js", 'describe("core", () => {});\n'],
    ["src/test.js", 'const a = require("./a");\nif (a() !== 1) process.exit(1);\n'],
    ["src/pkg/tests.py", "from django.test import TestCase\n"],
    ["src/parser/tests.rs", "use super::*;\n#[test]\nfn parses() {}\n"],
    ["src/parser/test_parse.py", "def test_parse():\n    assert parse('') == []\n"],
    ["lib/foo-test.mjs", 'import assert from "node:assert";\nassert.equal(1, 1);\n'],
    ["app/speed_test.rb", "class SpeedTest < Minitest::Test\nend\n"],
    ["src/gone-tests.ts", ""],
  ];
  test.each(tests)("%s is a test", (path, content) => {
    expect(isTest(path, content)).toBe(true);
  });
});
