// The configuration's keys, derived from its schema: which there are, what each expects, who may set it.
import * as z from "zod/mini";
import { Config, projectKeys } from "../domain/config.ts";

export interface ConfigKey {
  /** `limits.iterations.code`. */
  name: string;
  schema: z.core.$ZodType;
  /** What a project's file may do with it; null: nothing. */
  project: "free" | "trusted" | "lower" | null;
}

/** Every key that holds a value, in the schema's order. */
export const configKeys: ReadonlyMap<string, ConfigKey> = new Map(
  leaves(Config, "").map(([name, schema]) => [name, { name, schema, project: projectLevel(name) }]),
);

/** The names of sections: keys that hold other keys. */
export const sections: ReadonlySet<string> = new Set(
  [...configKeys.keys()].flatMap((name) => {
    const parts = name.split(".");
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
  }),
);

function leaves(schema: z.core.$ZodType, path: string): [string, z.core.$ZodType][] {
  if (schema instanceof z.ZodMiniDefault && schema.def.innerType instanceof z.ZodMiniObject)
    return leaves(schema.def.innerType, path);
  if (!(schema instanceof z.ZodMiniObject)) return [[path, schema]];
  return Object.entries(schema.shape).flatMap(([name, inner]) =>
    leaves(inner, path ? `${path}.${name}` : name),
  );
}

/** An entry of `projectKeys` for a section holds for all keys below it. */
function projectLevel(name: string): ConfigKey["project"] {
  const parts = name.split(".");
  for (let length = parts.length; length > 0; length--) {
    const level = projectKeys.get(parts.slice(0, length).join("."));
    if (level) return level;
  }
  return null;
}

/** What a key's value has to be, in words: `a whole number above 0`, `refuse or allow`. */
export function expectation(schema: z.core.$ZodType): string {
  return inWords(z.toJSONSchema(schema));
}

function inWords(schema: z.core.JSONSchema.BaseSchema): string {
  if (schema.enum) return schema.enum.map(String).join(" or ");
  if (schema.anyOf) return unique(schema.anyOf.map(inWords)).join(", or ");
  if (Array.isArray(schema.type)) return schema.type.map((type) => inWords({ type })).join(", or ");
  const above = schema.exclusiveMinimum === undefined ? "" : ` above ${schema.exclusiveMinimum}`;
  switch (schema.type) {
    case "integer":
      // Zod bounds every whole number to what is exact; only other bounds are worth a word.
      return schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER
        ? `a whole number from ${schema.minimum ?? 0} to ${schema.maximum}`
        : `a whole number${above}`;
    case "number":
      return `a number${above}`;
    case "boolean":
      return "true or false";
    case "array":
      return `a list of ${itemsOf(schema)}`;
    case "object":
      return schema.properties
        ? `a mapping of ${Object.keys(schema.properties).join(", ")}`
        : "a mapping of names to texts";
    case "null":
      return "null";
    default:
      return schema.const === undefined ? "a text" : `${JSON.stringify(schema.const)}`;
  }
}

function itemsOf({ items }: z.core.JSONSchema.BaseSchema): string {
  const only = typeof items === "object" && !Array.isArray(items) ? items.enum : undefined;
  return only?.map(String).join(", ") ?? "texts";
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}

/** The known key that was probably meant; null where none is near. */
export function nearestKey(typed: string): string | null {
  const known = [...configKeys.keys(), ...sections];
  const last = (name: string) => name.slice(name.lastIndexOf(".") + 1);
  // The right word in the wrong place, such as `check.timeout` for `validation.timeout`.
  const misplaced = known.filter((name) => last(name) === last(typed));
  if (misplaced.length === 1 && misplaced[0] !== undefined) return misplaced[0];
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(typed.length / 4)) + 1;
  for (const name of known) {
    const distance = editDistance(typed, name);
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** Levenshtein distance, both texts cut to a length that no key has. */
function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 80), right.slice(0, 80)];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
