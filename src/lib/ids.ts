/** A root loop's id: `<milliseconds>-<16 hex digits>`. */
export function newLoopId(
  nowMs: number,
  random: Uint8Array = crypto.getRandomValues(new Uint8Array(8)),
): string {
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

/** As short as views can show ids without one of them meaning two: at least four digits, more where needed. */
export function abbreviations(ids: readonly string[]): Map<string, string> {
  const roots = [...new Set(ids.map((id) => id.split("-")[1] ?? id))].sort();
  // In sorted order only the neighbours can share a longer start.
  const shortOf = new Map(
    roots.map((hex, index) => {
      const shared = Math.max(
        sharedStart(hex, roots[index - 1] ?? ""),
        sharedStart(hex, roots[index + 1] ?? ""),
      );
      return [hex, hex.slice(0, Math.max(shortDigits, shared + 1))];
    }),
  );
  return new Map(
    ids.map((id) => {
      const [, hex = id, ...children] = id.split("-");
      return [id, [shortOf.get(hex) ?? hex, ...children].join(".")];
    }),
  );
}

const shortDigits = 4;

function sharedStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  return at;
}
