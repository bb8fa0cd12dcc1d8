// Answers that come in pages, joined: who asks sees the whole.
import { isRecord } from "../protocol/shape.ts";

/** Asks on for as long as there is a cursor. Lists are joined; what is no list is the first page's. */
export async function joined<R>(first: R, next: (cursor: string) => Promise<R>): Promise<R> {
  let cursor = cursorOf(first);
  if (cursor === null) return first;
  const lists = new Map<string, unknown[]>();
  const add = (page: R) => {
    for (const [key, value] of isRecord(page) ? Object.entries(page) : []) {
      if (!Array.isArray(value)) continue;
      const list = lists.get(key) ?? [];
      for (const one of value) list.push(one);
      lists.set(key, list);
    }
  };
  add(first);
  while (cursor !== null) {
    const page = await next(cursor);
    add(page);
    cursor = cursorOf(page);
  }
  return { ...first, ...Object.fromEntries(lists), cursor: null };
}

function cursorOf(page: unknown): string | null {
  return isRecord(page) && typeof page["cursor"] === "string" ? page["cursor"] : null;
}
