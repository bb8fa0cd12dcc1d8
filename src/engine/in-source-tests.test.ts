import { expect, test } from "bun:test";
import { inSourceTests } from "./in-source-tests.ts";

/** What becomes of the tests between two states of a repository. */
async function of(
  base: Record<string, string>,
  work: Record<string, string | null>,
  configured: string[] | null = null,
) {
  const trees: Record<string, Record<string, string | null>> = { base, work: { ...base, ...work } };
  const repository = { read: (tree: string, path: string) => Promise.resolve(trees[tree]?.[path] ?? null) };
  const changes = Object.entries(work).map(([path, content]) => ({
    status:
      content === null ? ("deleted" as const) : path in base ? ("modified" as const) : ("added" as const),
    path,
  }));
  return inSourceTests({ repository, base: "base", commit: "work", changes, configured });
}
const tests = (body: string) => `#[cfg(test)]\nmod tests { #[test] fn a() { ${body} } }\n`;

test("only what is Rust, is called like no test, and is told by nobody else", async () => {
  const base = { "src/a.rs": tests("x()"), "tests/b.rs": tests("x()"), "c.py": tests("x()") };
  const work = Object.fromEntries(Object.keys(base).map((path) => [path, tests("y()")]));
  expect((await of(base, work)).changed).toEqual(["src/a.rs"]);
  expect((await of(base, work, ["tests/**"])).changed).toEqual([]);
});

test("a module of tests in a file of its own is one as a whole, and what stands below it is", async () => {
  const base = {
    "src/lib.rs": "mod a;\n#[cfg(test)]\nmod unit;\n",
    "src/a.rs": "#[cfg(test)] mod checks;\n",
    "src/a/checks.rs": "fn helper() {}\n",
    "src/unit/mod.rs": "mod deep;\n",
    "src/unit/deep.rs": "fn x() {}\n",
    "src/b/mod.rs": "",
  };
  const work = {
    "src/a/checks.rs": "1",
    "src/unit/mod.rs": "2",
    "src/unit/deep.rs": null,
    "src/b/mod.rs": "3",
  };
  expect((await of(base, work)).changed).toEqual(["src/a/checks.rs", "src/unit/mod.rs", "src/unit/deep.rs"]);
  const more = {
    "src/lib.rs": `${base["src/lib.rs"]}#[cfg(test)]\nmod more;\n`,
    "src/more.rs": "fn x() {}\n",
  };
  const found = await of(base, more);
  expect(found).toMatchObject({ changed: [], added: ["src/more.rs", "src/lib.rs"] });
  expect([...found.asBefore.keys()]).toEqual(["src/lib.rs"]);
});
