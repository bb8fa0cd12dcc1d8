import { LooprError } from "../lib/errors.ts";

/** What was typed cannot be meant: exit 2. */
export function usage(message: string, hint: string, cause?: unknown): LooprError {
  return new LooprError("usage", message, hint, { cause });
}
