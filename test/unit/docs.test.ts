// The reference pages say what the schemas say.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { pages } from "../../scripts/docs.ts";

const root = join(import.meta.dir, "..", "..");

for (const [path, text] of await pages()) {
  test(`${path} is what \`npm run docs\` writes`, () => {
    expect(readFileSync(join(root, path), "utf8")).toBe(text);
  });
}

test("README and ARCHITECTURE name only files and scripts that exist", async () => {
  const scripts = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object })
    .scripts;
  for (const page of ["README.md", "ARCHITECTURE.md"]) {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, name = ""] of text.matchAll(/npm run ([\w:]+)/g))
      expect(Object.keys(scripts)).toContain(name);
    for (const [, link = ""] of text.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(() => readFileSync(join(root, link))).not.toThrow(/ENOENT/);
    }
  }
});

test("no text of the program names a page of docs/: who has the executable alone has none of them", () => {
  const named: string[] = [];
  for (const name of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
    const source = ts.createSourceFile(
      name,
      readFileSync(join(root, "src", name), "utf8"),
      ts.ScriptTarget.Latest,
    );
    const visit = (node: ts.Node): void => {
      const isText =
        ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
      if (isText && /\bdocs\//.test(node.text)) named.push(`${name}: ${node.text}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect(named).toEqual([]);
});
