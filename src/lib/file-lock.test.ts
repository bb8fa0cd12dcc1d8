import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAt, isFileLocked, tryLockFile } from "./file-lock.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-lock-"));
});
afterEach(() => rmSync(dir, { recursive: true }));
const path = () => join(dir, "daemon.lock");

describe("a file lock", () => {
  test("is held by one at a time, until it is closed", () => {
    expect(isFileLocked(path())).toBe(false);
    const fd = tryLockFile(path());
    expect(fd).not.toBeNull();
    expect(tryLockFile(path())).toBeNull();
    expect(isFileLocked(path())).toBe(true);
    closeSync(fd ?? -1);
    expect(isFileLocked(path())).toBe(false);
  });

  test("is free again when its holder was killed", async () => {
    const script = `
        import { tryLockFile } from ${JSON.stringify(join(import.meta.dir, "file-lock.ts"))};
        process.stdout.write(String(tryLockFile(${JSON.stringify(path())}) !== null));
        setInterval(() => {}, 1000);
      `;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(said.toString()).toBe("true");
    expect(isFileLocked(path())).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isFileLocked(path())).toBe(false);
  }, 20_000);

  test("knows when its file was replaced", () => {
    const fd = tryLockFile(path()) ?? -1;
    expect(isAt(fd, path())).toBe(true);
    renameSync(path(), `${path()}.moved`);
    expect(isAt(fd, path())).toBe(false);
    writeFileSync(path(), "");
    expect(isAt(fd, path())).toBe(false);
    rmSync(path());
    symlinkSync(path(), path());
    expect(() => isAt(fd, path())).toThrow("ELOOP"); // Cannot be seen: that is another matter.
    closeSync(fd);
  });

  test("is not taken through a symbolic link", () => {
    writeFileSync(join(dir, "elsewhere"), "");
    symlinkSync(join(dir, "elsewhere"), path());
    expect(() => tryLockFile(path())).toThrow("ELOOP");
  });
});
