// docs/loop-types.md names every key of a type, every placeholder and every pass, and no other.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { parseDocument } from "yaml";
import { TypeFields } from "../../src/config/type-files.ts";
import { passesOf } from "../../src/domain/passes.ts";
import { fillIn } from "../../src/domain/prompt-template.ts";

const page = readFileSync(join(import.meta.dir, "..", "..", "docs", "loop-types.md"), "utf8");
const rows = (form: RegExp) => [...page.matchAll(form)].map(([, name = ""]) => name).sort();

test("the keys of a type", () => {
  const keys = Object.entries(TypeFields.shape).flatMap(([name, schema]) => {
    const inner = z.toJSONSchema(schema);
    const mapping = [inner, ...(inner.anyOf ?? [])].find((each) => each.properties);
    const names = Object.keys(mapping?.properties ?? {}).map((key) => `${name}.${key}`);
    return names.length === 0 ? [name] : inner.anyOf ? [name, ...names] : names;
  });
  expect(
    rows(/^\| `((?:[a-z]+\.)?[a-z]+)` +\|/gm).filter(
      (name) => !["plan", "spec", "phase", "code"].includes(name),
    ),
  ).toEqual(keys.sort());
});

test("its example is right", () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  expect(TypeFields.safeParse(parseDocument(yaml).toJS()).error).toBeUndefined();
});

test("the placeholders and the passes", () => {
  const names = rows(/^\| `\{\{([a-z]+)\}\}` +\|/gm);
  const marks = { context: "!", task: "!", types: "!", pass: "!", check: "!", feedback: "!" };
  expect(names).toEqual(Object.keys(marks).sort());
  expect(fillIn(names.map((name) => `{{${name}}}`).join(""), marks)).toBe("!".repeat(names.length));
  for (const pass of passesOf(5)) expect(page).toContain(`\`${pass}\``);
});
