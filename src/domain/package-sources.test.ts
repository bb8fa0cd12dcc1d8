import { describe, expect, test } from "bun:test";
import { isRedirected, lockRedirected } from "./package-sources.ts";

describe("a package that was there before comes from elsewhere", () => {
  const cases: [name: string, before: string, after: string][] = [
    ["Cargo, in a line", '[dependencies]\na = "1"\n', '[dependencies]\na = { path = "fake" }\n'],
    ["Cargo, in a table", "[dev-dependencies.a]\nversion = 1\n", '[dev-dependencies.a]\npath = "fake"\n'],
    ["Cargo, a new table", '[dependencies]\na = "1"\n', '[dependencies]\n[dependencies.a]\ngit = "x"\n'],
    ["Cargo, renamed", '[dependencies]\na = "1"\n', '[dependencies]\na = { package = "b", version = "1" }\n'],
    ["pyproject", '  "pytest>=7",\n', '  "pytest @ file:///x",\n'],
    ["requirements", "pytest==7\n", "pytest @ git+https://x/y\n"],
    ["requirements, editable", "pytest==7\n", "pytest==7\n-e ./fake\n"],
    ["requirements, another index", "pytest==7\n", "--index-url http://x\npytest==7\n"],
    [
      "uv.lock",
      'name = "a"\nsource = { registry = "https://p" }\n',
      'name = "a"\nsource = { editable = "x" }\n',
    ],
    ["yarn.lock", 'chai@4:\n  resolved "https://r/chai"\n', 'chai@4:\n  resolved "file:fake"\n'],
    ["pnpm-lock", "  resolution: {integrity: x}\n", "  resolution: {directory: fake, type: directory}\n"],
  ];
  test.each(cases)("%s", (_name, before, after) => {
    expect(isRedirected(before, after)).toBe(true);
    expect(isRedirected(before, before)).toBe(false);
  });

  test.each([
    ['[dependencies]\na = "1"\n', '[dependencies]\na = "2"\nnew = { path = "crates/new" }\n'],
    ["pytest==7\n", "pytest==8\nrequests>=2\n"],
    ['  "a",\n', '  "a",\n  "b @ git+https://x/b",\n'],
  ])("new ones and versions are welcome: %j", (before, after) => {
    expect(isRedirected(before, after)).toBe(false);
  });
});

test("package-lock.json: a link or a file in the place of the registry's", () => {
  const lock = (packages: object) => JSON.stringify({ packages: { "": { name: "x" }, ...packages } });
  const of = (before: object, after: object) =>
    lockRedirected("a/package-lock.json", lock(before), lock(after));
  const chai = { "node_modules/chai": { version: "4.0.0", resolved: "https://r.org/chai-4.tgz" } };
  expect(
    of(chai, { "node_modules/chai": { version: "4.1.0", resolved: "https://r.org/chai-4.1.tgz" } }),
  ).toBe(false);
  expect(of(chai, { ...chai, "node_modules/new": { resolved: "packages/new", link: true } })).toBe(false);
  expect(of(chai, { "node_modules/chai": { resolved: "fake", link: true } })).toBe(true);
  expect(of(chai, { "node_modules/chai": { resolved: "file:fake.tgz" } })).toBe(true);
  expect(of(chai, { "node_modules/chai": { resolved: "https://evil.org/chai.tgz" } })).toBe(true);
  expect(lockRedirected("package-lock.json", "no JSON", "[]")).toBe(false);
});
