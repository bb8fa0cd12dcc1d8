import { describe, expect, test } from "bun:test";
import { isShellScript, scriptRuns } from "./script-runs.ts";

const files = [
  "ci/check.sh",
  "ci/lib.sh",
  "ci/inner.sh",
  "ci/steps/a.sh",
  "ci/steps/b.sh",
  "scripts/lint",
  "tools/run.py",
  "test/unit.js",
  "src/tools/greet.sh",
  "bin/cli",
  "greet.sh",
  "lib.sh",
  "run-tests.sh",
  "lint.sh",
  "pkg/test/all.sh",
  "it works.sh",
  "scripts/it works.sh",
];

function runsOf(content: string, path = "ci/check.sh", cwd = "") {
  const runs = scriptRuns({ content, path, cwd }, files);
  return {
    check: runs.filter(({ isInfrastructure }) => isInfrastructure).map((run) => run.path),
    unclear: runs.filter(({ isInfrastructure }) => !isInfrastructure).map((run) => run.path),
  };
}

describe("what a check's script hands its work to", () => {
  const cases: [content: string, check: string[]][] = [
    [". ci/lib.sh", ["ci/lib.sh"]],
    ["source ./ci/lib.sh", ["ci/lib.sh"]],
    ['. "$(dirname "$0")/lib.sh"', ["ci/lib.sh"]],
    ['. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib.sh"', ["ci/lib.sh"]],
    [
      'HERE=$(dirname "$0"); ROOT="$HERE/.."\n. "$HERE/lib.sh"; "$ROOT/scripts/lint"',
      ["ci/lib.sh", "scripts/lint"],
    ],
    ["export D=ci\nsh $D/inner.sh", ["ci/inner.sh"]],
    ['. "${0%/*}/lib.sh"', ["ci/lib.sh"]],
    ['"$(git rev-parse --show-toplevel)"/ci/inner.sh', ["ci/inner.sh"]],
    ['cd "$(dirname "$0")" && ./inner.sh && . ./lib.sh', ["ci/inner.sh", "ci/lib.sh"]],
    ["(cd scripts; ./lint)", ["scripts/lint"]],
    ["cd ci/steps; sh a.sh", ["ci/steps/a.sh"]],
    ["sh ci/inner.sh", ["ci/inner.sh"]],
    ["set -e; A=1 bash -eu -o pipefail ci/inner.sh --x || exit 1", ["ci/inner.sh"]],
    ["if ! ./ci/inner.sh; then exit 1; fi", ["ci/inner.sh"]],
    ["time env X=1 timeout -k 5 60s ci/inner.sh", ["ci/inner.sh"]],
    ['exec ci/inner.sh "$@"', ["ci/inner.sh"]],
    ["sh -c 'ci/inner.sh; scripts/lint'", ["ci/inner.sh", "scripts/lint"]],
    ['for s in ci/steps/*.sh; do sh "$s" || exit 1; done', ["ci/steps/a.sh", "ci/steps/b.sh"]],
    ["for s in a b; do ./ci/steps/$s.sh; done", ["ci/steps/a.sh", "ci/steps/b.sh"]],
    ["ci/inner.sh 2>&1 | tee log", ["ci/inner.sh"]],
    ["out=$(sh ci/inner.sh) || exit 1", ["ci/inner.sh"]],
    ["python3 -u tools/run.py; node --test test/unit.js", ["tools/run.py", "test/unit.js"]],
    ["sh 'scripts/it works.sh'", ["scripts/it works.sh"]],
    ["./lint.sh && sh run-tests.sh", ["lint.sh", "run-tests.sh"]],
    ["sh pkg/test/all.sh", []],
  ];
  test.each(cases)("%p", (content, check) => {
    expect(runsOf(content).check.toSorted()).toEqual(check.toSorted());
  });

  test("from where the check is run, and from where the script is", () => {
    expect(runsOf("sh inner.sh", "ci/check.sh", "ci").check).toEqual(["ci/inner.sh"]);
    expect(runsOf("sh steps/a.sh", "ci/check.sh").check).toEqual(["ci/steps/a.sh"]);
  });
});

describe("what is tried out is the product", () => {
  test.each([
    '[ "$(sh greet.sh)" = hello ]',
    "sh scripts/lint | diff - expected",
    "scripts/lint > out; cmp out expected",
    "x=`tools/run.py`",
    "echo sh ci/inner.sh",
    "grep -q x ci/inner.sh",
    "# sh ci/inner.sh",
    "cat <<EOF\nsh ci/inner.sh\nEOF",
    'sh /ci/inner.sh; . /etc/profile; sh "$1"; "$@"; $x/*; sh missing.sh',
  ])("%p: nothing counts", (content) => {
    expect(runsOf(content)).toEqual({ check: [], unclear: [] });
  });

  test.each([
    ["sh greet.sh || exit 1", ["greet.sh"]],
    ["./bin/cli --version", ["bin/cli"]],
    [". ./lib.sh; greet", ["lib.sh"]],
    ["sh src/tools/greet.sh", ["src/tools/greet.sh"]],
  ])("%p: it may be either", (content, unclear) => {
    expect(runsOf(content, "check.sh")).toEqual({ check: [], unclear });
  });
});

test.each([
  ["exec sh greet.sh", true],
  ["set -e\nif x; then echo y; fi\nexec ./bin/cli", true],
  ["#!/bin/sh\nset -e\nD=. ; cd $D\n./greet.sh", true],
  ["sh greet.sh || exit 1", false],
  ["sh greet.sh\ngrep -q x y", false],
  ["sh greet.sh | grep -q x", false],
])("a script that hands all over: %p, %p", (content, isHandedOver) => {
  const runs = scriptRuns({ content, path: "check.sh", cwd: "" }, files);
  expect(runs.some((run) => run.isHandedOver)).toBe(isHandedOver);
});

test("a variable that is called like an interpreter is one", () => {
  expect(runsOf("${PYTHON} -u tools/run.py; ${CC} scripts/lint").check).toEqual(["tools/run.py"]);
});

test("a shell script is known by its first line, then by its name", () => {
  expect(isShellScript("x.py", "#!/usr/bin/env bash\n")).toBe(true);
  expect(isShellScript("x.sh", "#!/usr/bin/env python3\n")).toBe(false);
  expect(isShellScript("ci/x.sh", "true\n")).toBe(true);
  expect(isShellScript("ci/check", "true\n")).toBe(true);
  expect(["Makefile", "makefile", "justfile", "a.mjs"].map((path) => isShellScript(path, "x"))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
