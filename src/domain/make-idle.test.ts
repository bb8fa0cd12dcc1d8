import { describe, expect, test } from "bun:test";
import { idleMake, idleTargets, onlyMakes } from "./make-idle.ts";
import { makeTargetFiles } from "./make-recipes.ts";

const idle: [output: string, targets: string[]][] = [
  ["make: 'test' is up to date.\n", ["test"]],
  ["make: `test' is up to date.\n", ["test"]],
  ["gmake: Nothing to be done for 'all'.\n", ["all"]],
  ["make: Nothing to be done for `all'.\nbuilt\n", ["all"]],
  ["5 passed in 0.1s\nmake: „test“ ist bereits aktuell.\n", ["test"]],
  ["make: « test » est à jour.\n", ["test"]],
  ["make: 'a' is up to date.\nmake: 'b' is up to date.\n", ["a", "b"]],
];
test.each(idle)("make says that it did nothing: %j", (output, targets) => {
  expect(idleTargets(output)).toEqual(targets);
});

test.each([
  "make[1]: Nothing to be done for 'sub'.\n",
  "make: Entering directory '/repo'\n",
  "make: *** No rule to make target 'x', needed by 'test'.  Stop.\n",
  "make: *** [Makefile:2: test] Error 1\n",
  "make: warning: jobserver unavailable\n",
  "echo 'test' is up to date\n",
])("make does something, or another one speaks: %j", (output) => {
  expect(idleTargets(output)).toEqual([]);
});

test("a target that make made before the change, and not after it", () => {
  const now = { passed: true, output: "3 passed in 0.1s\nmake: 'test' is up to date.\n" };
  expect(idleMake(now, "grep failed\n")).toEqual(["test"]);
  expect(idleMake(now, null)).toEqual(["test"]);
  // As on the code before: a step of a longer check.
  expect(idleMake(now, "make: 'test' is up to date.\n1 failed in 0.1s\n")).toEqual([]);
  expect(idleMake({ ...now, passed: false }, "")).toEqual([]);
});

test("a check that is nothing but make", () => {
  for (const command of ["make test", "CI=1 make -C sub -j4", "gmake"]) expect(onlyMakes(command)).toBe(true);
  for (const command of ["make && sh test.sh", "sh make.sh", "make test; ./x", "npm test"])
    expect(onlyMakes(command)).toBe(false);
});

describe("the files that would make a target up to date", () => {
  const makefile = "test: lint\n\tgrep -q Hello g.txt\nlint:\n\ttrue\nclean:\n\trm x\nbin/%: %.c\n\tcc $<\n";
  test("are named like the targets that the check asks for and what they need", () => {
    expect(makeTargetFiles("Makefile", makefile, ["make test"])).toEqual(["test", "lint"]);
    expect(makeTargetFiles("sub/Makefile", makefile, ["make -C sub lint"])).toEqual(["sub/lint"]);
    expect(makeTargetFiles("run.sh", makefile, ["make test"])).toEqual([]);
  });
  test("unless they are declared to be no files", () => {
    const phony = `${makefile}.PHONY: test \\\n  clean\n`;
    expect(makeTargetFiles("Makefile", phony, ["make test"])).toEqual(["lint"]);
  });
});
