// A light look at what came as JSON, for the path of a short command: making schemas, and loading what makes
// them, would cost it more than all of its own work.

interface Kinds {
  string: string;
  number: number;
  boolean: boolean;
  strings: string[];
  object: Record<string, unknown>;
}

/** The fields that have to be there, and what each has to be. */
type Shape = Readonly<Record<string, keyof Kinds>>;
/** And whatever else came with them. */
type Shaped<S extends Shape> = { [K in keyof S]: Kinds[S[K]] } & Record<string, unknown>;

/** Whether a value is an object with these fields. */
export function isShaped<const S extends Shape>(value: unknown, shape: S): value is Shaped<S> {
  if (!isRecord(value)) return false;
  return Object.entries(shape).every(([name, kind]) => isOfKind(value[name], kind));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOfKind(value: unknown, kind: keyof Kinds): boolean {
  if (kind === "object") return isRecord(value);
  if (kind !== "strings") return typeof value === kind;
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
