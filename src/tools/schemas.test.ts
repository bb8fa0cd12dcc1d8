import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { tools, type ToolName } from "./catalog.ts";
import { toolSchema } from "./schemas.ts";

const Schema = z.looseObject({
  type: z.literal("object"),
  properties: z.record(z.string(), z.unknown()),
  required: z.array(z.string()),
  additionalProperties: z.literal(false),
});

test.each(Object.keys(tools) as ToolName[])("%s: a closed object that models understand", (name) => {
  const { input_schema, description } = toolSchema(name);
  expect(description).toBe(tools[name].description);
  const schema = Schema.parse(input_schema);
  expect(schema["$schema"]).toBeUndefined();
  for (const required of schema.required) expect(Object.keys(schema.properties)).toContain(required);
});

test.each([
  ["read_file", ["path"], ["path", "offset", "limit"]],
  ["edit_file", ["path", "old_string", "new_string"], ["path", "old_string", "new_string", "replace_all"]],
  ["run_command", ["command"], ["command", "timeout_ms"]],
  ["create_plan", ["title", "summary", "specs"], ["title", "summary", "specs"]],
] as const)("%s: what may be left out is not required", (name, required, properties) => {
  const schema = Schema.parse(toolSchema(name).input_schema);
  expect(schema.required).toEqual([...required]);
  expect(Object.keys(schema.properties)).toEqual([...properties]);
});

test("parameters with a default are not required, also within lists; inner objects are closed too", () => {
  const specs = z
    .object({ items: Schema })
    .parse(Schema.parse(toolSchema("create_plan").input_schema).properties["specs"]);
  expect(specs.items.required).toEqual(["name", "description"]);
});

test("the bytes are the same each time", () => {
  const bytes = () => JSON.stringify((Object.keys(tools) as ToolName[]).map(toolSchema));
  expect(bytes()).toBe(bytes());
  expect(Bun.hash(JSON.stringify(toolSchema("read_file"))).toString(16)).toMatchInlineSnapshot(
    `"1e783081fe377a0a"`,
  );
});

test.each([
  [{ title: "t", summary: "s" }, ["specs", "expected array"]],
  [{ title: "t", summary: "s", specs: [] }, ["specs", "Too small"]],
  [{ title: "t", summary: "s", specs: [{ name: "a" }] }, ["specs[0].description", "expected string"]],
  [
    { title: "t", summary: "s", specs: [{ name: "a", description: "d", level: "x" }] },
    ["specs[0].level", '"code"|"spec"'],
  ],
  [
    { title: "t", summary: "s", specs: [{ name: "a", description: "d", depends_on: "b" }] },
    ["specs[0].depends_on", "expected array"],
  ],
  [
    { title: "t", summary: "s", specs: [{ name: "a", description: "d", after: [] }] },
    ["specs[0]", 'Unrecognized key: "after"'],
  ],
])("a plan that does not fit is told which field, and what was expected: %p", (plan, words) => {
  const { error } = z.safeParse(tools.create_plan.parameters, plan);
  const problems = error ? z.prettifyError(error) : "";
  for (const word of words) expect(problems).toContain(word);
  expect(problems).not.toContain("Invalid input\n");
});

test("a wrong parameter is described well enough to be mended", () => {
  const { error } = z.safeParse(tools.read_file.parameters, { path: 3, ofset: 1 });
  const problems = error ? z.prettifyError(error) : "";
  expect(problems).toContain("expected string, received number");
  expect(problems).toContain('Unrecognized key: "ofset"');
});
