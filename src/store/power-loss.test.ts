// What a power cut may leave of the log: any beginning of it, and torn bytes at its end. The store opens with a
// beginning of what was committed, whole transactions only, or says that it is damaged; it never begins anew.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { loopRecord } from "../../test/support/stored-records.ts";
import { LooprError } from "../lib/errors.ts";
import { openStore } from "./store.ts";

const transactions = 12;
/** From SQLite's file format: the log's header, and each frame's before its page. Bytes. */
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

let directory: string;
let place = 0;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), "loopr-power-"))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Cut {
  database: string;
  log: Buffer;
}

/** Files of a live store with so many transactions in its log: each a loop's next version and an event. */
function liveStore(): Cut {
  const path = join(directory, "live.db");
  const store = openStore(path);
  for (let n = 1; n <= transactions; n++) {
    store.commit({
      loops: [loopRecord({ version: n, progress: "x".repeat(n * 500) })],
      events: [{ event: "e", loop_id: "a", root_id: "a", data: n }],
    });
  }
  const database = join(directory, "base.db");
  copyFileSync(path, database);
  const log = readFileSync(`${path}-wal`);
  store.close();
  return { database, log };
}

/** Opens a store with that log; how many transactions are in it, or that it was refused as damaged. */
function opened({ database }: Cut, log: Uint8Array): number | "store_corrupt" {
  const home = join(directory, String(place++));
  mkdirSync(home);
  const path = join(home, "loopr.db");
  copyFileSync(database, path);
  writeFileSync(`${path}-wal`, log);
  let store;
  try {
    store = openStore(path);
  } catch (error) {
    if (!(error instanceof LooprError) || error.code !== "store_corrupt") throw error;
    expect(readFileSync(`${path}-wal`)).toEqual(Buffer.from(log)); // left as it is
    return "store_corrupt";
  }
  try {
    const events = store.events(0)?.map((event) => event.data) ?? [];
    const version = store.loop(loopRecord().id)?.version ?? 0;
    // Whole transactions, from the first on without a gap: the loop is as the last event says.
    expect(events).toEqual(Array.from({ length: events.length }, (_, n) => n + 1));
    expect(version).toBe(events.length);
    // And it can be written to.
    store.commit({ loops: [loopRecord({ version: version + 1 })] });
    expect(store.loop(loopRecord().id)?.version).toBe(version + 1);
    return version;
  } finally {
    store.close();
    rmSync(home, { recursive: true });
  }
}

function frames({ log }: Cut): number[] {
  const frameBytes = frameHeaderBytes + log.readUInt32BE(8);
  const ends: number[] = [];
  for (let end = walHeaderBytes; end <= log.length; end += frameBytes) ends.push(end);
  return ends;
}

describe("the log cut short", () => {
  test("at every frame's end, and a byte to both sides: ever more of what was committed", () => {
    const cut = liveStore();
    expect(opened(cut, cut.log)).toBe(transactions);
    let before = 0;
    for (const end of frames(cut)) {
      const [less, exact, more] = [end - 1, end, end + 1].map((bytes) =>
        opened(cut, cut.log.subarray(0, bytes)),
      );
      expect(less).toBe(before);
      expect(exact).toBeGreaterThanOrEqual(before);
      expect(more).toBe(exact ?? -1);
      before = Number(exact);
    }
    expect(before).toBe(transactions);
  }, 60_000);

  test("anywhere", () => {
    const cut = liveStore();
    fc.assert(
      fc.property(fc.nat({ max: cut.log.length }), (bytes) => {
        expect(opened(cut, cut.log.subarray(0, bytes))).not.toBe("store_corrupt");
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  test("with torn bytes, zeros or an older log's rest after the cut", () => {
    const cut = liveStore();
    fc.assert(
      fc.property(
        fc.nat({ max: cut.log.length - 1 }),
        fc.uint8Array({ minLength: 1, maxLength: 8_192 }),
        fc.boolean(),
        (at, noise, zeros) => {
          const torn = Buffer.from(cut.log);
          torn.set(zeros ? new Uint8Array(noise.length) : noise, Math.min(at, torn.length - noise.length));
          const found = opened(cut, torn);
          expect(found === "store_corrupt" || found <= transactions).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  }, 60_000);
});
