import { expect, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { cachedStatements, transaction } from "./statements.ts";

const normal = 1;
const full = 2;

test("a transaction that need not be synced is stored as others are, and the next one waits for the disk again", () => {
  const db = new DatabaseSync(":memory:");
  try {
    const query = cachedStatements(db);
    db.exec("PRAGMA synchronous = FULL; CREATE TABLE t (a TEXT)");
    const synchronous = () => Number(db.prepare("PRAGMA synchronous").get()?.["synchronous"]);
    const put = (text: string, synced: boolean) =>
      transaction(
        db,
        query,
        () => {
          query("INSERT INTO t VALUES (?)").run(text);
          if (text === "bad") throw new Error("bad");
          return synchronous();
        },
        synced,
      );
    expect(put("one", true)).toBe(full);
    expect(put("two", false)).toBe(normal);
    expect(synchronous()).toBe(full);
    expect(() => put("bad", false)).toThrow("bad");
    expect(synchronous()).toBe(full);
    expect(db.prepare("SELECT a FROM t").all()).toMatchObject([{ a: "one" }, { a: "two" }]);
  } finally {
    db.close();
  }
});
