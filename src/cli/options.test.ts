import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { testContext } from "../../test/support/cli.ts";
import { exitCodeOf } from "./context.ts";
import { runOptionsOf, taskOf } from "./options.ts";

const context = testContext({ cwd: "/repo/sub" });
const base = { approve: false };

describe("options become the run's", () => {
  const cases: [string, Record<string, unknown>, Record<string, unknown>][] = [
    ["none", {}, base],
    ["--yes", { yes: true }, { approve: true, merge: true }],
    ["--yes --no-merge", { yes: true, merge: false }, { approve: true, merge: false }],
    ["--no-merge", { merge: false }, { ...base, merge: false }],
    ["commander's default of --no-merge", { merge: true }, base],
    ["--depth code", { depth: "code" }, { ...base, levels: "code" }],
    ["--depth phase", { depth: "phase" }, { ...base, levels: "phase,code" }],
    ["--depth spec", { depth: "spec" }, { ...base, levels: "spec,phase,code" }],
    ["--depth plan", { depth: "plan" }, { ...base, levels: "plan,spec,phase,code" }],
    ["--levels auto", { levels: "auto" }, { ...base, levels: "auto" }],
    ["--levels with blanks", { levels: "plan, code" }, { ...base, levels: "plan,code" }],
    ["--check in the caller's directory", { check: "make" }, { ...base, check: "make", cwd: "/repo/sub" }],
    ["--no-check", { check: false }, { ...base, no_check: true }],
    ["--max-iterations", { maxIterations: "5" }, { ...base, max_iterations: 5 }],
    ["--budget", { budget: "2.5" }, { ...base, budget_usd: 2.5 }],
    ["--target", { target: "dev" }, { ...base, target: "dev" }],
    ["--may-change", { mayChange: ["a/**", "b"] }, { ...base, may_change: ["a/**", "b"] }],
    ["--sandbox none", { sandbox: "none" }, { ...base, sandbox: "none" }],
  ];
  for (const [name, typed, expected] of cases) {
    test(name, () => expect(runOptionsOf(context, typed, {})).toEqual(expected));
  }

  test("an explicit configuration and a script", () => {
    expect(runOptionsOf({ ...context, config: "/c.yml" }, {}, { LOOPR_SCRIPT: "../s.json" })).toEqual({
      ...base,
      config: "/c.yml",
      script: "/repo/s.json",
    });
  });
});

describe("wrong options are exit 2, naming the option", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ levels: "code,plan" }, /--levels code,plan/],
    [{ levels: "plan" }, /--levels plan/],
    [{ levels: "" }, /--levels/],
    [{ depth: "Deep" }, /--depth Deep/],
    [{ depth: "code", levels: "code" }, /both/],
    [{ maxIterations: "0" }, /--max-iterations 0/],
    [{ maxIterations: "1.5" }, /--max-iterations 1.5/],
    [{ maxIterations: "ten" }, /--max-iterations ten/],
    [{ maxIterations: "9007199254740993" }, /--max-iterations/],
    [{ budget: "-1" }, /--budget -1/],
    [{ budget: "" }, /--budget/],
    [{ budget: "Infinity" }, /--budget Infinity/],
    [{ sandbox: "some" }, /--sandbox some/],
    [{ check: " " }, /--check is empty/],
  ];
  for (const [typed, message] of cases) {
    test(JSON.stringify(typed), () => {
      const error = thrown(() => runOptionsOf(context, typed, {}));
      expect(error.message).toMatch(message);
      expect(exitCodeOf(error)).toBe(2);
    });
  }
});

describe("the task", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "loopr-task-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const here = () => testContext({ cwd: directory });

  test("is the words", () => expect(taskOf(context, ["add", "a flag "], {}, "run")).toBe("add a flag"));

  test("or a file, relative to the caller's directory", () => {
    writeFileSync(join(directory, "task.md"), "# Do\n\nthis\n");
    expect(taskOf(here(), [], { file: "task.md" }, "run")).toBe("# Do\n\nthis");
  });

  const cases: [string, string[], Record<string, unknown>, RegExp][] = [
    ["nothing", [], {}, /no task/],
    ["blanks", ["  "], {}, /no task/],
    ["both", ["x"], { file: "task.md" }, /both/],
    ["a file that is missing", [], { file: "missing.md" }, /missing\.md/],
    ["a directory", [], { file: "." }, /cannot be read/],
    ["too much", ["x".repeat(600_000)], {}, /512 KiB/],
  ];
  for (const [name, args, typed, message] of cases) {
    test(`${name} is exit 2`, () => {
      const error = thrown(() => taskOf(here(), args, typed, "run"));
      expect(error.message).toMatch(message);
      expect(exitCodeOf(error)).toBe(2);
    });
  }

  test("an empty file is exit 2", () => {
    writeFileSync(join(directory, "empty.md"), "\n");
    expect(thrown(() => taskOf(here(), [], { file: "empty.md" }, "run")).message).toMatch(/empty/);
  });
});

function thrown(act: () => unknown): LooprError {
  try {
    act();
  } catch (error) {
    if (error instanceof LooprError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
