// Records as JSON: checked on the way in, parsed on the way out.
import type { SQLOutputValue } from "node:sqlite";
import * as z from "zod/mini";
import { LooprError, messageOf } from "../lib/errors.ts";

/** A row with at least `id` (the loop it belongs to) and `record` (JSON). */
export type Row = Record<string, SQLOutputValue>;

/**
 * The JSON to store. A record that could not be read again is refused here (`record_invalid`), while the
 * transaction can still be undone.
 */
export function encode<T extends z.ZodMiniType>(
  schema: T,
  record: z.infer<T>,
  kind: string,
  id: string,
): string {
  const checked = schema.safeParse(record);
  if (!checked.success) throw invalid(kind, id, z.prettifyError(checked.error), checked.error);
  return JSON.stringify(checked.data);
}

/** Throws `record_invalid`, naming the loop, where a row does not hold what the schema says. */
export function decode<T extends z.ZodMiniType>(schema: T, row: Row, kind: string): z.infer<T> {
  const checked = schema.safeParse(decodeJson(row, kind));
  if (checked.success) return checked.data;
  throw invalid(kind, String(row["id"]), z.prettifyError(checked.error), checked.error);
}

export function decodeJson(row: Row, kind: string): unknown {
  try {
    return JSON.parse(String(row["record"]));
  } catch (error) {
    throw invalid(kind, String(row["id"]), messageOf(error), error);
  }
}

/** The rows that can be read; each of the others is told to `onProblem`. */
export function decodeReadable<T extends z.ZodMiniType>(
  schema: T,
  rows: readonly Row[],
  kind: string,
  onProblem: (problem: LooprError) => void,
): z.infer<T>[] {
  const records: z.infer<T>[] = [];
  for (const row of rows) {
    try {
      records.push(decode(schema, row, kind));
    } catch (error) {
      if (!(error instanceof LooprError)) throw error;
      onProblem(error);
    }
  }
  return records;
}

function invalid(kind: string, id: string, reason: string, cause: unknown): LooprError {
  return new LooprError(
    "record_invalid",
    `The ${kind} record of loop ${id} is not valid: ${reason.replaceAll(/\s*\n\s*/g, "; ")}`,
    `Other loops are not affected. \`loopr delete ${id}\` removes this one from the store.`,
    { cause },
  );
}
