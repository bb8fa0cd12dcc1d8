import { expect, test } from "bun:test";
import { isManifest, newManifestSteers } from "./new-manifests.ts";

const baseFiles = [
  "go.mod",
  "p/calc.go",
  "p/calc_test.go",
  "Cargo.toml",
  "crates/a/src/lib.rs",
  "lone/a/x.py",
  "js/a.js",
];
const steers = (path: string, content = "", base = baseFiles, added: readonly string[] = []) =>
  newManifestSteers({ path, content, baseFiles: base, added: [path, ...added] });

test("a new module takes files that were there before out of the one above", () => {
  expect(steers("p/go.mod", "module p\n")).toBe(true);
  expect(steers("crates/a/Cargo.toml", '[package]\nname = "a"\n')).toBe(true);
  // The one above may be as new.
  expect(steers("p/go.mod", "module p\n", ["p/a.go"], ["go.mod"])).toBe(true);
});

test("a module for new files, and the first one, take nothing out", () => {
  expect(steers("new/go.mod", "module new\n")).toBe(false);
  expect(steers("go.mod", "module x\n", ["p/a.go"])).toBe(false);
  expect(steers("Cargo.toml", "[workspace]\n", ["crates/a/Cargo.toml"])).toBe(false);
});

test("settings of tests, above files that were there before", () => {
  expect(steers("Cargo.toml", "[profile.test]\n", ["crates/a/Cargo.toml"])).toBe(true);
  expect(steers("lone/pyproject.toml", "[project]\n[tool.pytest.ini_options]\n")).toBe(true);
  expect(steers("lone/pyproject.toml", '[project]\nname = "x"\n')).toBe(false);
  expect(steers("other/pyproject.toml", "[tool.pytest.ini_options]\n")).toBe(false);
  expect(steers("lone/setup.cfg", "[tool:pytest]\n")).toBe(true);
  expect(steers("deno.json", '{ "test": { "exclude": ["a"] } }')).toBe(true);
  expect(steers("deno.json", '{ "imports": {} }')).toBe(false);
  expect(steers("js/package.json", '{ "type": "module" }')).toBe(true);
  expect(steers("js/package.json", '{ "name": "js" }')).toBe(false);
  expect(steers("js/tsconfig.json", '{ "compilerOptions": { "paths": {} } }')).toBe(true);
  expect(steers("js/tsconfig.json", '{ "compilerOptions": { "strict": true } }')).toBe(false);
});

test("a new workspace of packages that were there before", () => {
  expect(steers("pnpm-workspace.yaml", "packages: [q]\n", ["package.json", "p/package.json"])).toBe(true);
  expect(steers("pnpm-workspace.yaml", "packages: [q]\n", ["package.json"])).toBe(false);
  expect(["a/go.mod", "package.json", "a/x.json"].map(isManifest)).toEqual([true, true, false]);
});

test("what Python runs before the tests in a directory", () => {
  const init = (content: string, ...base: string[]) => steers("unit/__init__.py", content, base);
  expect(init("import calc\ncalc.add = f\n", "unit/test_calc.py")).toBe(true);
  expect(init("import x\n", "unit/a/test_calc.py")).toBe(true);
  expect(init("# a package\n\n", "unit/test_calc.py")).toBe(false);
  // The program's own, beside its tests.
  expect(init("from .calc import add\n", "unit/test_calc.py", "unit/calc.py")).toBe(false);
  expect(init("from unittest import TestCase as T\n", "unit/test_calc.py", "unit/calc.py")).toBe(true);
  expect(init("import unittest\n", "unit/calc.py", "tests/test_calc.py")).toBe(false);
});

test("a new lock file by which packages come from elsewhere", () => {
  const lock = (resolved: string) => JSON.stringify({ packages: { x: { resolved } } });
  const npm = "https://registry.npmjs.org/x/-/x-1.0.0.tgz";
  expect(steers("npm-shrinkwrap.json", lock(npm), ["package.json", "package-lock.json"])).toBe(true);
  expect(steers("package-lock.json", lock("file:fake"), ["package.json"])).toBe(true);
  expect(steers("package-lock.json", lock("https://example.org/x.tgz"), ["package.json"])).toBe(true);
  expect(steers("package-lock.json", lock(npm), ["package.json"])).toBe(false);
});
