// Nothing in a file's place makes anyone wait: each case would hang, or read what is no file.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRegular, readRegular, readSmall, readTail } from "./regular-file.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-regular-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const writing = constants.O_WRONLY | constants.O_APPEND;

const places: [string, (path: string) => void][] = [
  ["a FIFO", (path) => void spawnSync("mkfifo", [path])],
  ["a directory", (path) => void mkdirSync(path)],
  ["a link to a device", (path) => symlinkSync("/dev/zero", path)],
];

for (const [name, make] of places) {
  test(`${name} is neither read nor written to`, () => {
    const path = join(dir, "file");
    make(path);
    const refusal = expect.objectContaining({ code: "EFTYPE" }) as unknown;
    expect(thrownBy(() => readRegular(path))).toEqual(refusal);
    expect(thrownBy(() => openRegular(path, writing))).toEqual(refusal);
    expect(thrownBy(() => openRegular(path, constants.O_RDWR | constants.O_CREAT))).toEqual(refusal);
  });
}

test("a FIFO that somebody reads is not written to either", () => {
  const path = join(dir, "file");
  spawnSync("mkfifo", [path]);
  const reader = spawnSync("sh", [
    "-c",
    `exec 3<>'${path}'; "$0" -e "$1"`,
    process.execPath,
    openScript(path),
  ]);
  expect(reader.stdout.toString()).toBe("EFTYPE\n");
});

function openScript(path: string): string {
  const module = join(import.meta.dir, "regular-file.ts");
  return `import(${JSON.stringify(module)}).then(({ openRegular }) => openRegular(${JSON.stringify(path)}, ${writing}))
    .catch((error) => console.log(error.code))`;
}

test("a file is opened and read, a missing one is named as the system does", () => {
  const path = join(dir, "file");
  writeFileSync(path, "text");
  expect(readRegular(path).toString()).toBe("text");
  closeSync(openRegular(path, writing));
  expect(thrownBy(() => readRegular(join(dir, "none")))).toMatchObject({ code: "ENOENT" });
  closeSync(openRegular(join(dir, "new"), writing | constants.O_CREAT, 0o600));
});

test("of a file that is larger than its kind is, no more is read than that takes", () => {
  const path = join(dir, "file");
  writeFileSync(path, "text");
  expect(readSmall(path)).toBe("text");
  expect(readTail(path, 2).toString()).toBe("xt");
  expect(readTail(path, 100, 3).toString()).toBe("t");
  expect(readTail(path, 100, 9).toString()).toBe("");
  truncateSync(path, 3 * 1024 ** 3); // It would not fit in a buffer.
  appendFileSync(path, "end");
  expect(thrownBy(() => readSmall(path))).toMatchObject({ code: "EFBIG" });
  expect(readTail(path, 3).toString()).toBe("end");
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
