// The file: modes, versions, foreign and damaged files, other processes, kill -9.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { LooprError } from "../lib/errors.ts";
import { loopRecord } from "../../test/support/stored-records.ts";
import { openDatabase } from "./database.ts";
import { migrations } from "./schema.ts";
import { openStore } from "./store.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "loopr-store-"));
  path = join(directory, "loopr.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const failureOf = (work: () => unknown): LooprError => {
  try {
    work();
  } catch (error) {
    if (error instanceof LooprError) return error;
    throw error;
  }
  throw new Error("it did not fail");
};
const sql = (text: string) => {
  const db = new DatabaseSync(path);
  db.exec(text);
  db.close();
};
const filled = (loops: number) => {
  const store = openStore(path);
  store.commit({
    loops: Array.from({ length: loops }, (_, n) => loopRecord({ id: `1-${n}`, root_id: `1-${n}` })),
  });
  store.close();
};

test("the file and its companions are the owner's alone, whatever the umask", () => {
  const umask = process.umask(0);
  try {
    const store = openStore(path);
    store.commit({ loops: [loopRecord()] });
    expect(readdirSync(directory).sort()).toEqual(["loopr.db", "loopr.db-shm", "loopr.db-wal"]);
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    store.close();
    chmodSync(path, 0o644);
    openStore(path).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  } finally {
    process.umask(umask);
  }
});

test("a commit waits for the disk", () => {
  const db = openDatabase(path, 1 << 30);
  expect(db.prepare("PRAGMA synchronous").get()?.["synchronous"]).toBe(2);
  expect(db.prepare("PRAGMA journal_mode").get()?.["journal_mode"]).toBe("wal");
  expect(db.prepare("PRAGMA foreign_keys").get()?.["foreign_keys"]).toBe(1);
  db.close();
});

test("what was committed is there after opening again", () => {
  const first = openStore(path);
  first.commit({ loops: [loopRecord()], events: [{ event: "e", loop_id: "a", root_id: "a", data: 1 }] });
  first.close();
  const second = openStore(path);
  expect(second.loop(loopRecord().id)).toEqual(loopRecord());
  expect(second.lastSeq()).toBe(1);
  second.close();
});

test("an older file migrates forward, its records kept; a newer one is refused and left alone", () => {
  filled(3);
  const next = [...migrations, "ALTER TABLE runs ADD COLUMN note TEXT"];
  const db = openDatabase(path, 1 << 30, next);
  expect(db.prepare("PRAGMA user_version").get()?.["user_version"]).toBe(migrations.length + 1);
  expect(db.prepare("SELECT count(*) AS n FROM loops").get()?.["n"]).toBe(3);
  db.close();
  const before = readFileSync(path);
  const failure = failureOf(() => openStore(path));
  expect(failure.code).toBe("store_newer");
  expect(failure.message).toContain(path);
  expect(readFileSync(path)).toEqual(before);
});

test("an artifact of the first version is its iteration's, handed in by the model", () => {
  const old = openDatabase(path, 1 << 30, migrations.slice(0, 1));
  old.exec(`INSERT INTO loops VALUES ('a', 1, 'a', NULL, 'plan', 'pending', '/p', 1, '{}');
    INSERT INTO artifacts (loop_id, version, record) VALUES ('a', 3, '{"title":"old"}')`);
  old.close();
  const store = openStore(path);
  expect(store.artifacts("a")).toEqual([
    { version: 3, author: "model", iteration: 3, at: 0, value: { title: "old" } },
  ]);
  store.close();
});

test("a migration that fails leaves the older version whole", () => {
  filled(2);
  const broken = [...migrations, "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)"];
  expect(failureOf(() => openDatabase(path, 1 << 30, broken)).code).toBe("store_failed");
  const store = openStore(path);
  expect(store.loops()).toHaveLength(2);
  store.close();
  const db = new DatabaseSync(path);
  expect(db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'half'").get()?.["n"]).toBe(0);
  db.close();
});

test("killed with -9 before, between and after a migration's steps: the old version whole, or the new one", () => {
  const script = join(directory, "migrate.ts");
  const here = new URL(".", import.meta.url).pathname;
  const added = ["CREATE TABLE one (a)", "ALTER TABLE runs ADD COLUMN note TEXT", "CREATE TABLE two (a)"];
  const next = [...migrations, ...added];
  writeFileSync(
    script,
    `import { openDatabase } from ${JSON.stringify(join(here, "database.ts"))};
     openDatabase(${JSON.stringify(path)}, 1 << 30, ${JSON.stringify(next)}).close();`,
  );
  filled(3);
  const original = readFileSync(path);
  for (let killAt = 1; killAt <= added.length + 2; killAt++) {
    for (const name of readdirSync(directory).filter((one) => one.startsWith("loopr.db")))
      rmSync(join(directory, name));
    writeFileSync(path, original);
    const env = { ...process.env, LOOPR_DEBUG_KILL_AT: String(killAt) };
    const { signal, status } = spawnSync(process.execPath, [script], { env });
    const wasKilled = killAt <= added.length + 1;
    expect([killAt, signal, status]).toEqual(wasKilled ? [killAt, "SIGKILL", null] : [killAt, null, 0]);
    if (wasKilled) {
      const store = openStore(path);
      expect(store.loops()).toHaveLength(3);
      store.close();
    }
    const db = openDatabase(path, 1 << 30, next);
    expect(db.prepare("PRAGMA user_version").get()?.["user_version"]).toBe(next.length);
    expect(db.prepare("SELECT count(*) AS n FROM loops").get()?.["n"]).toBe(3);
    db.close();
  }
});

test.each([
  ["text", () => writeFileSync(path, "this is not a database\n".repeat(500))],
  ["0xFF", () => writeFileSync(path, Buffer.alloc(8192, 0xff))],
  ["a few bytes", () => writeFileSync(path, "SQLite format 3\0")],
  ["another program's database", () => sql("CREATE TABLE bookmarks (url); PRAGMA user_version = 3")],
  ["another application id", () => sql("PRAGMA application_id = 77; CREATE TABLE t (a)")],
  ["our id without tables", () => sql("PRAGMA application_id = 1282371698; PRAGMA user_version = 1")],
  ["cut in the middle", () => (filled(200), truncateSync(path, 100_000))],
  ["cut to half a page", () => (filled(200), truncateSync(path, 2_000))],
  ["a zeroed page in the middle", () => (filled(200), overwrite(path, 20 * 4096, 4096))],
  ["a directory", () => mkdirSync(path)],
])("%s is refused as store_corrupt, untouched", (_name, damage) => {
  damage();
  const before = statSync(path).isFile() ? readFileSync(path) : null;
  const failure = failureOf(() => openStore(path));
  expect(failure.code).toBe("store_corrupt");
  expect(failure.message).toContain(path);
  expect(failure.hint).toContain(`mv ${path}`);
  if (before) expect(readFileSync(path)).toEqual(before);
});

function overwrite(file: string, at: number, bytes: number): void {
  const content = readFileSync(file);
  content.fill(0, at, at + bytes);
  writeFileSync(file, content);
}

test("a database cut to nothing beside a log that holds commits is not begun anew", () => {
  const live = openStore(path);
  live.commit({ loops: [loopRecord()] });
  const log = readFileSync(`${path}-wal`);
  live.close();
  writeFileSync(path, "");
  writeFileSync(`${path}-wal`, log);
  expect(failureOf(() => openStore(path)).code).toBe("store_corrupt");
  expect(readFileSync(`${path}-wal`)).toEqual(log);
});

test("an empty file, and one whose creation was interrupted, are new stores", () => {
  writeFileSync(path, "");
  openStore(path).close();
  rmSync(path);
  sql("PRAGMA journal_mode = WAL");
  const store = openStore(path);
  store.commit({ loops: [loopRecord()] });
  store.close();
});

test("a new store appears whole: what an interrupted creation left, or a lost store's log, is not taken up", () => {
  filled(3);
  const old = { whole: readFileSync(path), log: join(directory, "log") };
  const store = openStore(path);
  store.commit({ loops: [loopRecord({ id: "2-a", root_id: "2-a" })] });
  copyFileSync(`${path}-wal`, old.log);
  store.close();
  rmSync(path);
  copyFileSync(old.log, `${path}-wal`);
  writeFileSync(`${path}.new`, old.whole.subarray(0, 5_000));
  copyFileSync(old.log, `${path}.new-wal`);
  const fresh = openStore(path);
  expect(fresh.loops()).toEqual([]);
  fresh.commit({ loops: [loopRecord()] });
  fresh.close();
  expect(openStore(path).loops()).toHaveLength(1);
  expect(readdirSync(directory).filter((name) => name.includes(".new"))).toEqual([]);
});

test("a place that cannot be used is named", () => {
  const nowhere = join(directory, "no", "loopr.db");
  const failure = failureOf(() => openStore(nowhere));
  expect(failure.code).toBe("store_failed");
  expect(failure.message).toContain(nowhere);
});

test("a store that another process locks is reported, and works when the lock is gone", () => {
  const store = openStore(path);
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  const failure = failureOf(() => store.commit({ loops: [loopRecord()] }));
  expect(failure.code).toBe("store_failed");
  expect(failure.message).toContain("locked");
  other.exec("ROLLBACK");
  other.close();
  store.commit({ loops: [loopRecord()] });
  store.close();
});

test("a damaged record is named; the other loops are listed, and it can be deleted", () => {
  filled(3);
  sql(`UPDATE loops SET record = '{"id":"1-1"}' WHERE id = '1-1'`);
  sql(`UPDATE loops SET record = 'not JSON' WHERE id = '1-2'`);
  const problems: LooprError[] = [];
  const store = openStore(path, { onProblem: (problem) => problems.push(problem) });
  expect(store.loops().map((loop) => loop.id)).toEqual(["1-0"]);
  expect(problems.map((problem) => problem.code)).toEqual(["record_invalid", "record_invalid"]);
  expect(problems.map((problem) => problem.message).join()).toMatch(/loop 1-2.*loop 1-1/);
  expect(failureOf(() => store.loop("1-1")).message).toContain("1-1");
  store.commit({ deletes: ["1-1", "1-2"] });
  expect(store.loops()).toHaveLength(1);
  expect(problems).toHaveLength(2);
  store.close();
});

test("killed with -9 between and during commits, the store holds exactly the acknowledged ones", async () => {
  const script = join(directory, "writer.ts");
  const here = new URL(".", import.meta.url).pathname;
  writeFileSync(
    script,
    `import { openStore } from ${JSON.stringify(join(here, "store.ts"))};
     import { writeSync } from "node:fs";
     const store = openStore(${JSON.stringify(path)});
     for (let n = store.lastSeq() + 1; ; n++) {
       store.commit({ events: [{ event: "e", loop_id: "a", root_id: "a", data: n }] });
       writeSync(1, n + "\\n");
     }`,
  );
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const closed = once(child, "close");
    let output = "";
    const enough = new Promise<void>((resolve) => {
      child.stdout.on("data", (data: Buffer) => {
        output += data.toString();
        if (output.split("\n").length > 20) resolve();
      });
    });
    await Promise.race([enough, closed]);
    child.kill("SIGKILL");
    await closed;
    const acknowledged = Number(output.trimEnd().split("\n").at(-1));
    const store = openStore(path);
    // One commit may have reached the disk without its number having been written.
    expect([acknowledged, acknowledged + 1]).toContain(store.lastSeq());
    expect(store.events(0)?.map((event) => event.data)).toEqual(
      Array.from({ length: store.lastSeq() }, (_, n) => n + 1),
    );
    store.close();
  }
});

test("a copy of a live store's files opens with everything that was committed", () => {
  const store = openStore(path);
  store.commit({ loops: [loopRecord()] });
  const copy = join(directory, "copy.db");
  copyFileSync(path, copy);
  copyFileSync(`${path}-wal`, `${copy}-wal`);
  store.close();
  const opened = openStore(copy);
  expect(opened.loops()).toHaveLength(1);
  opened.close();
});

test("in memory nothing touches the disk", () => {
  openStore(":memory:").close();
  expect(readdirSync(directory)).toEqual([]);
});

test("a FIFO beside the store is named, and not waited for", () => {
  openStore(path).close();
  for (const name of ["journal", "wal", "shm"]) {
    const beside = `${path}-${name}`;
    rmSync(beside, { force: true });
    spawnSync("mkfifo", [beside]);
    expect(failureOf(() => openStore(path))).toMatchObject({
      code: "store_failed",
      message: `The store's file ${beside} is not a regular file.`,
    });
    rmSync(beside);
  }
});
