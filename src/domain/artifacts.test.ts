import { expect, test } from "bun:test";
import { versionHandedIn, type ArtifactVersion, wideGlobs } from "./artifacts.ts";

const version = (patch: Partial<ArtifactVersion>): ArtifactVersion => ({
  version: 1,
  author: "model",
  iteration: 1,
  at: 0,
  value: null,
  ...patch,
});

test.each([
  ["the first", undefined, 1, 1],
  ["the next iteration's", version({}), 2, 2],
  [
    "of an iteration repeated after a crash: it replaces its own",
    version({ version: 4, iteration: 2 }),
    2,
    4,
  ],
  ["after a person's edit, in the same iteration", version({ version: 2, author: "person" }), 1, 3],
  ["after a person's edit", version({ version: 2, author: "person" }), 2, 3],
])("the version that a model hands in: %s", (_name, newest, iteration, expected) => {
  expect(versionHandedIn(newest, iteration)).toBe(expected);
});

test.each(["**", "*", "**/*", "*.js", "**/*.py", "./**", "{**,tests}", "!(x)", "?*", "[a-z]*", "**/**/*"])(
  "a glob that means any file is refused: %s",
  (glob) => {
    expect(wideGlobs([{ changes_tests: ["tests/a.py", glob] }])).toHaveLength(1);
  },
);

test.each(["tests/**", "**/*.test.js", "*_test.sh", "hello_test.sh", "src/**/greet*", "test_*.py"])(
  "one that names tests is not: %s",
  (glob) => {
    expect(wideGlobs([{ changes_tests: [glob] }])).toEqual([]);
  },
);
