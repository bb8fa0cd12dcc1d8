// How the reference pages show a schema: `{ id: string, since?: integer | null }`.
import * as z from "zod/mini";

type Schema = z.core.JSONSchema.BaseSchema;

/** Schemas that have a name of their own on the page are shown by it. */
export function typeWriter(named: ReadonlyMap<string, z.core.$ZodType>) {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of named) registry.add(schema, { id });
  // A registered schema becomes a reference to a definition, at the top as well.
  const convert = (schema: z.core.$ZodType): Schema => {
    const options = { metadata: registry, io: "input", unrepresentable: "any" } as const;
    const converted = z.toJSONSchema(schema, options);
    const id = registry.get(schema)?.id;
    return (id !== undefined ? converted.$defs?.[id] : undefined) ?? converted;
  };
  return {
    /** A schema in one line. */
    line(schema: z.core.$ZodType): string {
      const id = registry.get(schema)?.id;
      return id ?? text(convert(schema));
    },
    /** A named schema itself, in one line. */
    definition(schema: z.core.$ZodType): string {
      return text({ ...convert(schema), $ref: undefined });
    },
    /** The fields of an object, with their types. */
    fields(schema: z.core.$ZodType): { name: string; type: string; required: boolean }[] {
      const { properties = {}, required = [] } = convert(schema);
      return Object.entries(properties).map(([name, type]) => ({
        name,
        type: text(type),
        required: required.includes(name),
      }));
    },
  };
}

function text(schema: Schema | boolean): string {
  if (typeof schema === "boolean") return "any";
  if (schema.$ref) return schema.$ref.replace(/^.*\//, "");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const union = schema.anyOf ?? schema.oneOf;
  if (union) return [...new Set(union.map(text))].join(" | ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => text({ type })).join(" | ");
  if (schema.type === "array") return `[${text((schema.items as Schema | undefined) ?? {})}]`;
  if (schema.type === "object") return object(schema);
  return schema.type ?? "any";
}

function object(schema: Schema): string {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.entries(properties).map(
    ([name, type]) => `${name}${required.includes(name) ? "" : "?"}: ${text(type)}`,
  );
  if (typeof additionalProperties === "object") fields.push(`[name]: ${text(additionalProperties)}`);
  return fields.length ? `{ ${fields.join(", ")} }` : "{}";
}
