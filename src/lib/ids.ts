import { randomBytes } from "node:crypto";

/** A root loop's id: `<milliseconds>-<16 hex digits>`. */
export function newLoopId(nowMs: number, random: Uint8Array = randomBytes(8)): string {
  return `${nowMs}-${Buffer.from(random).toString("hex")}`;
}

/** A child's id: `<parent>-<NNN>`, numbered from 1. */
export function childLoopId(parentId: string, index: number): string {
  return `${parentId}-${String(index).padStart(3, "0")}`;
}

/** The hexadecimal part of an id and its child numbers, as people see and type it: `a1b2….003`. */
export function hexPart(id: string): string {
  const [, hex = "", ...children] = id.split("-");
  return [hex, ...children].join(".");
}

/** How views show an id: four hex digits of the root, then the child numbers: `a1b2.003`. */
export function shortId(id: string): string {
  const [, hex = id, ...children] = id.split("-");
  return [hex.slice(0, 4), ...children].join(".");
}

/**
 * Finds the ids that a person's abbreviation means. An exact id wins; otherwise every id whose root's hex
 * part starts as typed and whose child numbers equal the typed ones.
 */
export function matchIds(typed: string, ids: readonly string[]): string[] {
  if (ids.includes(typed)) return [typed];
  const [start = "", ...children] = typed.toLowerCase().split(".");
  if (!/^[0-9a-f]+$/.test(start)) return [];
  return ids.filter((id) => {
    const [, hex = "", ...own] = id.split("-");
    return hex.startsWith(start) && own.join(".") === children.join(".");
  });
}
