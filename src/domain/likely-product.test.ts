import { describe, expect, test } from "bun:test";
import { likelyProduct } from "./likely-product.ts";

const files = [
  "greet.sh",
  "all.sh",
  "check.py",
  "main.py",
  "src/main.ts",
  "src/selftest.ts",
  "scripts/test.mjs",
  "tests/test_a.py",
  "README.md",
  "conf/m.json",
  "hook.cjs",
  "vitest.config.ts",
  "Makefile",
  "packages/run.js",
];

describe("a file that the check names is likely the product", () => {
  const cases: [command: string, product: string[]][] = [
    ["sh greet.sh | grep -q hello", ["greet.sh"]],
    ['[ "$(sh greet.sh)" = hello ]', ["greet.sh"]],
    ["node src/selftest.ts", ["src/selftest.ts"]],
    ["python3 main.py --selftest", ["main.py"]],
    ["grep -q usage README.md", ["README.md"]],
    ["eslint src/main.ts && sh all.sh", ["src/main.ts"]],
  ];
  test.each(cases)("%s", (command, product) => {
    expect(likelyProduct({ commands: [command], checkCwd: "", files, configured: null })).toEqual(product);
  });
});

test.each([
  "sh all.sh",
  "python3 check.py",
  "npm test",
  "node scripts/test.mjs",
  "pytest tests/test_a.py::test_one",
  "mocha --config=conf/m.json --require ./hook.cjs -c vitest.config.ts",
  "make -f Makefile",
  "cd packages && node run.js",
])("nothing to say of `%s`", (command) => {
  expect(likelyProduct({ commands: [command], checkCwd: "", files, configured: null })).toEqual([]);
});

test("programs that the recipes of the check's own targets run", () => {
  const ofRecipes = ["all.sh", "src/main.ts", "main.py", "tests/test_a.py", "scripts/test.mjs"];
  expect(likelyProduct({ commands: ["make"], ofRecipes, checkCwd: "", files, configured: null })).toEqual([
    "src/main.ts",
    "main.py",
  ]);
});
