// Arguments of a tool call that are not what the API promises: no JSON, or no object.

/**
 * The key under which such arguments are passed on, as the text that came: `{ [invalidJsonKey]: text }`.
 * No tool has a parameter of that name, so its schema refuses them and the model is told what was wrong.
 */
export const invalidJsonKey = "__invalid_json";

/** The arguments as an object, whatever came. Nothing at all means no arguments. */
export function toolInput(json: string): Record<string, unknown> {
  if (json.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(json);
    if (isRecord(value)) return value;
  } catch {
    // Passed on below, as the text that it is.
  }
  return { [invalidJsonKey]: json };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
