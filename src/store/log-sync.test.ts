import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/support/harness.ts";
import { LogSync } from "./log-sync.ts";

const openFiles = (path: string) =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;

test.skipIf(process.platform !== "linux")(
  "one descriptor, opened when it is needed and closed with the store",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "loopr-log-"));
    const path = join(dir, "x.db-wal");
    const failures: Error[] = [];
    writeFileSync(path, "x");
    try {
      const sync = new LogSync(path, (error) => failures.push(error));
      expect(openFiles(path)).toBe(0);
      for (let n = 0; n < 100; n++) sync.soon();
      await until(() => openFiles(path) === 1, 5_000);
      sync.soon();
      sync.close();
      sync.soon();
      await until(() => openFiles(path) === 0, 5_000);
      expect(failures).toEqual([]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
  20_000,
);

test("a log that is not there is a store's in memory; one that cannot be opened is told of", async () => {
  const dir = mkdtempSync(join(tmpdir(), "loopr-log-"));
  const failures: string[] = [];
  try {
    const none = new LogSync(join(dir, "none"), (error) => failures.push(error.message));
    none.soon();
    writeFileSync(join(dir, "file"), "");
    const odd = new LogSync(join(dir, "file", "x"), (error) => failures.push(error.message));
    odd.soon();
    await until(() => failures.length > 0, 5_000);
    expect(failures).toEqual([expect.stringContaining("ENOTDIR") as string]);
    none.close();
    odd.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
}, 20_000);
