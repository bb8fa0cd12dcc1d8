// How a method is described: its parameters, its result, and whether it may be repeated.
import * as z from "zod/mini";

export interface Method<P extends z.ZodMiniType = z.ZodMiniType, R extends z.ZodMiniType = z.ZodMiniType> {
  readonly params: P;
  readonly result: R;
  /** Whether a client may repeat it by itself after a lost connection. */
  idempotent: boolean;
}

/**
 * The schemas are made when a method is first used: a short command uses two or three of them, and making
 * them all would cost it a third of its time.
 */
export function method<P extends z.ZodMiniType, R extends z.ZodMiniType>(
  params: () => P,
  result: () => R,
  idempotent = false,
): Method<P, R> {
  let [madeParams, madeResult]: [P | null, R | null] = [null, null];
  return {
    get params() {
      return (madeParams ??= params());
    },
    get result() {
      return (madeResult ??= result());
    },
    idempotent,
  };
}

export const none = () => z.object({});
export const byId = () => z.object({ id: z.string() });
export const optional = <T extends z.ZodMiniType>(schema: T) => z.optional(z.nullable(schema));
export const yes =
  <K extends string>(key: K) =>
  () =>
    z.object({ [key]: z.literal(true) } as Record<K, z.ZodMiniLiteral<true>>);
