// What a check of `loopr doctor` found.
import { LooprError, messageOf } from "../../lib/errors.ts";

export interface Finding {
  name: string;
  status: "ok" | "warn" | "fail";
  detail: string;
  /** What to do; empty where all is well. */
  remedy: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, status: "ok", detail, remedy: "" };
}

export function warn(name: string, detail: string, remedy: string): Finding {
  return { name, status: "warn", detail, remedy };
}

export function fail(name: string, detail: string, remedy: string): Finding {
  return { name, status: "fail", detail, remedy };
}

/** A failure that says what to do by itself. */
export function failed(name: string, error: unknown): Finding {
  return fail(name, messageOf(error), error instanceof LooprError ? error.hint : "this is a bug in loopr");
}
