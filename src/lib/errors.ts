/**
 * An operating failure, as opposed to an expected outcome (a union variant) or a bug (an assertion).
 *
 * `code` is stable and is what programs compare; `message` says what happened and to what, for people;
 * `hint` says what to do about it (empty where nothing can be done).
 */
export class LooprError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint = "", options?: { cause?: unknown }) {
    super(message, options);
    this.name = "LooprError";
    this.code = code;
    this.hint = hint;
  }
}

/** The `code` of a Node system error (`ENOENT`, …), or an empty string for anything else. */
export function systemCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "";
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
