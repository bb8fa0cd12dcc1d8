import { describe, expect, test } from "bun:test";
import { defaultConfig } from "./config.ts";
import {
  builtInDefinitions,
  builtInTree,
  choosableTypes,
  chosenLevels,
  defaultLevels,
  levelsProblem,
  typeOf,
  type TypeDefinitions,
} from "./loop-types.ts";

const builtIn = builtInDefinitions(defaultConfig);
const variant = (name: string, base: keyof typeof builtIn, children?: string[]) => {
  const definition = builtIn[base];
  if (!definition) throw new Error(base);
  return { ...definition, name, extends: base, ...(children && { children }) };
};
const types: TypeDefinitions = {
  ...builtIn,
  refactor: variant("refactor", "code"),
  design: variant("design", "spec", ["refactor", "phase"]),
  roadmap: variant("roadmap", "plan", ["design"]),
};

describe("levels", () => {
  test.each([
    ["code"],
    ["plan,code"],
    ["plan,spec,phase,code"],
    ["plan,spec,spec,phase,code"],
    ["spec,code"],
    ["plan,refactor"],
    ["plan,design,refactor"],
    ["roadmap,design,phase,refactor"],
    ["plan,spec,design,refactor"],
  ])("%s is right", (levels) => {
    expect(levelsProblem(types, levels.split(","))).toBeNull();
  });

  test.each([
    ["code,plan", /has plan below code; nothing comes below it/],
    ["plan,plan,code", /has plan below plan/],
    ["plan,spec", /ends in spec; the last level has to be code/],
    ["plan,phase,spec,code", /has spec below phase; below it may come code/],
    ["roadmap,code", /has code below roadmap; below it may come design/],
    ["design,code", /has code below design/],
    [
      "plan,refactr",
      /names "refactr", which is no type; there are code, design, phase, plan, refactor, roadmap, spec/,
    ],
  ])("%s is not", (levels, problem) => {
    expect(levelsProblem(types, levels.split(","))).toMatch(problem);
  });

  test("what comes below a type by default", () => {
    expect(defaultLevels(builtInTree, "plan")).toEqual(["plan", "code"]);
    expect(defaultLevels(builtInTree, "spec")).toEqual(["spec", "phase", "code"]);
    expect(defaultLevels(types, "roadmap")).toEqual(["roadmap", "design", "refactor"]);
  });
});

describe("what a plan chooses for a spec", () => {
  test.each([
    ["plan", { level: "code" }, ["code"]],
    ["plan", { level: "spec" }, ["spec", "phase", "code"]],
    ["plan", { level: "code", type: "refactor" }, ["refactor"]],
    ["plan", { level: "code", type: "design" }, ["design", "refactor"]],
    ["plan", { level: "code", type: "nothing" }, null],
    ["plan", { level: "code", type: "roadmap" }, null],
    ["roadmap", { level: "spec" }, ["design", "refactor"]],
    ["roadmap", { level: "code" }, null],
    ["roadmap", { level: "code", type: "refactor" }, null],
  ] as const)("%s: %p", (plan, choice, levels) => {
    expect(chosenLevels(types, plan, choice)).toEqual(levels === null ? null : [...levels]);
  });

  test("it is told of the types that it may name", () => {
    const names = (plan: string) => choosableTypes(types, plan).map(({ name }) => name);
    expect(names("plan")).toEqual(["refactor", "design"]);
    expect(names("roadmap")).toEqual(["design"]);
  });
});

test("models, judges and passes of the built-in types come from the configuration", () => {
  const config = structuredClone(defaultConfig);
  config.llm.models.spec = "model-s";
  config.judge = { plan: "off", spec: "shadow" };
  config.plan.passes = ["order"];
  const { plan, spec, phase, code } = builtInDefinitions(config);
  expect([plan?.model, spec?.model, code?.model]).toEqual([config.llm.model, "model-s", config.llm.model]);
  expect([plan, spec, phase, code].map((type) => type?.judge.mode)).toEqual(["off", "shadow", "gate", "off"]);
  expect(plan?.passes).toEqual(["draft", "order"]);
  expect(spec?.passes).toEqual([]);
});

test("the judge is cheap beside the default model; else it is the person's own, unless they name one", () => {
  const judgeOf = (llm: Partial<typeof defaultConfig.llm>) =>
    builtInDefinitions({ ...defaultConfig, llm: { ...defaultConfig.llm, ...llm } })["plan"]?.judge.model;
  expect(judgeOf({})).toContain("haiku");
  expect(judgeOf({ model: "mine" })).toBe("mine");
  expect(judgeOf({ model: "mine", models: { ...defaultConfig.llm.models, judge: "his" } })).toBe("his");
});

test("a run of an older version has the built-in types", () => {
  expect(typeOf({ config: defaultConfig }, { loop_type: "phase" }).name).toBe("phase");
});
