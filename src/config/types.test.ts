import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { defaultConfig } from "../domain/config.ts";
import { LooprError } from "../lib/errors.ts";
import { isToolName } from "../tools/catalog.ts";
import { trust } from "./trust.ts";
import { requireTypeTrust, typesToTrust } from "./type-trust.ts";
import { loadTypes } from "./types.ts";

let scratch = "";
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "loopr-types-"));
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const project = (path: string) => join(scratch, "repo", ".loopr", path);
const user = (path: string) => join(scratch, "home", ".config", "loopr", path);
function put(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}
const load = () =>
  loadTypes(defaultConfig, { env: { HOME: join(scratch, "home") }, projectRoot: join(scratch, "repo") });
function failure(act: () => unknown): LooprError {
  try {
    act();
  } catch (error) {
    if (error instanceof LooprError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("without files: the four built-in types, whose tools all exist", () => {
  const { types, warnings } = load();
  expect(Object.keys(types)).toEqual(["plan", "spec", "phase", "code"]);
  for (const type of Object.values(types)) {
    expect(type.tools.filter((tool) => !isToolName(tool))).toEqual([]);
    expect(type.prompt.source).toBe("built in");
  }
  expect(warnings).toEqual([]);
});

test("what a type does not say it inherits, over several steps and both places", () => {
  put(user("loops/careful.yml"), "extends: code\nmodel: big\nlimits: { iterations: 40, turns: 5 }\n");
  put(
    project("loops/refactor.yml"),
    "extends: careful\ndescription: No new behaviour\nlimits: { turns: 3 }\n",
  );
  put(project("loops/design.yml"), "extends: spec\nchildren: [refactor]\njudge: shadow\n");
  put(project("loops/roadmap.yml"), "extends: plan\npasses: [final]\njudge: { mode: off, model: small }\n");
  const { types } = load();
  expect(types["refactor"]).toMatchObject({
    extends: "careful",
    loop_type: "code",
    model: "big",
    description: "No new behaviour",
    limits: { iterations: 40, turns: 3, minutes: 120 },
  });
  expect(types["design"]).toMatchObject({
    loop_type: "spec",
    judge: { mode: "shadow" },
    children: ["refactor"],
  });
  expect(types["roadmap"]).toMatchObject({
    passes: ["draft", "final"],
    judge: { mode: "off", model: "small" },
  });
});

test("tools: a part of the base's; what hands in the work stays", () => {
  put(project("loops/blind.yml"), "extends: plan\ntools: [glob]\n");
  expect(load().types["blind"]?.tools).toEqual(["glob", "create_plan", "accept_plan"]);
});

test("a project's higher limit is ignored and told; the user's own counts", () => {
  const path = put(project("loops/greedy.yml"), "extends: code\nlimits:\n  turns: 5000\n  usd: 2\n");
  put(user("loops/mine.yml"), "extends: code\nlimits: { turns: 5000 }\n");
  const { types, warnings } = load();
  expect(types["greedy"]?.limits).toMatchObject({ turns: 50, usd: 2 });
  expect(types["mine"]?.limits.turns).toBe(5000);
  expect(warnings.join("\n")).toContain(`${path}:3: limits.turns is 5000, more than the 50`);
});

test("a project's type goes before the user's of the same name", () => {
  put(user("loops/same.yml"), "extends: code\nmodel: user\n");
  put(project("loops/same.yml"), "extends: code\nmodel: project\n");
  expect(load().types["same"]?.model).toBe("project");
});

describe("refused with file, line and key", () => {
  test.each([
    ["a.yml", "extends: nothing\n", ':1: extends names "nothing", which is no type'],
    ["a.yml", "model: x\n", ":1: extends: "],
    ["a.yml", "extends: a\n", ":1: extends leads in a circle: a → a"],
    ["a.yml", "extends: code\nmodle: x\n", ":2: unknown key modle"],
    ["a.yml", "extends: code\nlimits:\n  turn: 3\n", ":3: unknown key limits.turn"],
    ["a.yml", "extends: code\nlimits:\n  turns: many\n", ":3: limits.turns: "],
    ["a.yml", "extends: code\n\njudge: gate\n", ":3: judge is for types of plan, spec and phase"],
    ["a.yml", "extends: plan\njudge: perhaps\n", ":2: judge: must be off, shadow or gate"],
    ["a.yml", "extends: plan\npasses: 9\n", ":2: passes: Too big: expected number to be <=5"],
    ["a.yml", "extends: plan\npasses: all\n", ":2: passes: must be a number from 1 to 5, or a list of draft"],
    ["a.yml", "extends: spec\npasses: 2\n", ":2: passes is for types of plan alone"],
    ["a.yml", "extends: spec\nchildren: [what]\n", ':2: children names "what", which is no type'],
    ["a.yml", "extends: spec\nchildren: [plan]\n", ":2: children names plan: a plan waits for a person"],
    ["a.yml", "extends: phase\nchildren: [spec]\n", ":2: children names spec: a phase is below a spec"],
    ["a.yml", "extends: spec\nchildren: [a]\n", ":2: children never leads to code: a → a"],
    ["a.yml", "extends: code\nchildren: [code]\n", ":2: children is set, but code has none"],
    ["a.yml", "extends: plan\ntools: [run_command]\n", ':2: tools names "run_command", which plan has not'],
    [
      "a.yml",
      "extends: plan\nvalidation: { command: make }\n",
      ":2: validation.command is for types of code alone",
    ],
    ["a.yml", "extends: code\nprompt: special\n", ':2: prompt names "special", but there is no special.md'],
    ["a.yml", "extends: [\n", "not valid YAML"],
    ["a.yaml", "extends: code\n", "a type's file is called NAME.yml"],
    ["A b.yml", "extends: code\n", 'a type cannot be called "A b"'],
    ["code.yml", "extends: code\n", "the type code is built in"],
  ])("%s: %p", (name, text, message) => {
    const path = put(project(`loops/${name}`), text);
    const failed = failure(load);
    expect(failed.code).toBe("config_invalid");
    expect(failed.message).toContain(path);
    expect(failed.message).toContain(message);
    expect(failed.hint).not.toBe("");
  });

  test("a circle of two", () => {
    put(project("loops/a.yml"), "extends: b\n");
    put(project("loops/b.yml"), "extends: a\n");
    expect(failure(load).message).toContain("a → b → a");
  });
});

describe("templates", () => {
  const template = (system: string) => `${system}\n---\n{{context}}{{task}}{{pass}}{{check}}{{feedback}}`;

  test("the nearest counts: project, user, built in; a type's own before its base's", () => {
    put(user("prompts/code.md"), template("user's code"));
    put(project("loops/refactor.yml"), "extends: code\n");
    put(project("loops/named.yml"), "extends: code\nprompt: special\n");
    put(user("prompts/special.md"), template("special"));
    const systems = () => {
      const { types } = load();
      return ["code", "refactor", "named"].map((name) => types[name]?.prompt.system);
    };
    expect(systems()).toEqual(["user's code", "user's code", "special"]);
    put(project("prompts/code.md"), template("project's code"));
    put(project("prompts/refactor.md"), template("refactor"));
    expect(systems()).toEqual(["project's code", "refactor", "special"]);
  });

  test("one that is not right is an error, never passed over", () => {
    const path = put(project("prompts/spec.md"), "System\n---\n{{context}}\n{{tsk}}{{feedback}}\n");
    expect(failure(load)).toMatchObject({ code: "config_invalid" });
    expect(failure(load).message).toContain(`${path}:4: unknown placeholder {{tsk}}`);
  });
});

test("a project's type that makes a command run counts only when it was accepted as it is now", () => {
  const path = project("loops/checked.yml");
  const at = { dataDir: join(scratch, "home", ".loopr"), projectHash: "0123" };
  const root = join(scratch, "repo");
  const require = () => {
    requireTypeTrust(at, load().files, root);
  };
  put(path, "extends: code\nvalidation:\n  command: make lint\n");
  put(user("loops/mine.yml"), "extends: code\nvalidation: { command: make }\n");
  expect(failure(require)).toMatchObject({ code: "not_trusted" });
  expect(failure(require).message).toContain("checked.yml: validation.command");
  const source = typesToTrust(at, root);
  if (!source) throw new Error("nothing to trust");
  trust(source.project, source.file.text);
  require();
  put(path, "extends: code\nvalidation:\n  command: make evil\n");
  expect(failure(require).message).toContain("has changed since it was trusted");
});
