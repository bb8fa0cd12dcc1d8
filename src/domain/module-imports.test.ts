import { describe, expect, test } from "bun:test";
import { moduleImports, pythonModules } from "./module-imports.ts";

const files = new Set([
  "scripts/check.mjs",
  "scripts/check.py",
  "scripts/lib/x.mjs",
  "scripts/lib/index.js",
  "scripts/lib/data.json",
  "scripts/lib/typed.ts",
  "scripts/view.tsx",
  "scripts/help.py",
  "scripts/steps/__init__.py",
  "scripts/steps/lint.py",
  "scripts/steps/deep/__init__.py",
  "src/greet.mjs",
  "greet.py",
  "ci/run.py",
  "ci/all/__main__.py",
]);
const of = (content: string, path: string) => moduleImports({ content, path, cwd: "" }, files).toSorted();

describe("a program in JavaScript imports", () => {
  const cases: [content: string, paths: string[]][] = [
    ['import { a } from "./lib/x.mjs";', ["scripts/lib/x.mjs"]],
    ["import './lib/x.mjs'\nexport * from '../src/greet.mjs'", ["scripts/lib/x.mjs", "src/greet.mjs"]],
    ['import {\n  a,\n  b,\n} from\n  "./lib/x.mjs";', ["scripts/lib/x.mjs"]],
    ["const a = await import(`./lib/x.mjs`)", ["scripts/lib/x.mjs"]],
    ['require("./lib"); require.resolve("./lib/data")', ["scripts/lib/data.json", "scripts/lib/index.js"]],
    ['import "./lib/typed.js"; import "./view.js"', ["scripts/lib/typed.ts", "scripts/view.tsx"]],
    ['readFile(new URL("./lib/data.json", import.meta.url))', ["scripts/lib/data.json"]],
    ['import fs from "node:fs"; import "lib/x.mjs"; import("./no.mjs"); import(name)', []],
    ['import "./check.mjs"', []],
  ];
  test.each(cases)("%p", (content, paths) => {
    expect(of(content, "scripts/check.mjs")).toEqual(paths);
  });

  test("known by its first line, too", () => {
    expect(
      moduleImports(
        { content: '#!/usr/bin/env node\nrequire("./lib")', path: "scripts/all", cwd: "" },
        files,
      ),
    ).toEqual(["scripts/lib/index.js"]);
    expect(of('import "./lib/x.mjs"', "scripts/check.txt")).toEqual([]);
  });
});

describe("a program in Python imports", () => {
  const steps = ["scripts/steps/__init__.py", "scripts/steps/lint.py"];
  const cases: [content: string, paths: string[]][] = [
    ["import os, help as h", ["scripts/help.py"]],
    ["if x:\n    import steps.lint", steps],
    ["from steps import lint, other  # both", steps],
    ["from steps import (\n  lint,  # one\n  other,\n)", steps],
    ["from steps.lint import run as r", steps],
    ["from steps import \\\n  lint", steps],
    ["import scripts.steps.deep", ["scripts/steps/__init__.py", "scripts/steps/deep/__init__.py"]],
    ["from greet import greet", ["greet.py"]],
    ['importlib.import_module("steps.lint"); runpy.run_path("help.py")', ["scripts/help.py", ...steps]],
    ["import json\nimport absent\nx = 'import help'", []],
  ];
  test.each(cases)("%p", (content, paths) => {
    expect(of(content, "scripts/check.py")).toEqual(paths);
  });

  test("from its own package, and the one above it", () => {
    expect(of("from . import lint", "scripts/steps/deep/__init__.py")).toEqual([]);
    expect(of("from .. import lint", "scripts/steps/deep/__init__.py")).toEqual(steps);
    expect(of("from .lint import x", "scripts/steps/__init__.py")).toEqual(["scripts/steps/lint.py"]);
    expect(of("from ..help import x", "scripts/steps/lint.py")).toEqual(["scripts/help.py"]);
  });

  test("as modules that a command names", () => {
    expect(pythonModules("X=1 python3 -u -m ci.run --x && python -m ci.all", "", files)).toEqual([
      "ci/run.py",
      "ci/all/__main__.py",
    ]);
    expect(pythonModules("cd x; python -m run; python3 -m pytest -m ci.run", "ci", files)).toEqual([
      "ci/run.py",
    ]);
  });
});
