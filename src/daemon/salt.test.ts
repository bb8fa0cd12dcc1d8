import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSalt } from "./salt.ts";

const limitMs = 10_000;
const good = "0123456789abcdef0123456789abcdef";

describe("the salt of a home", () => {
  const cases: [string, (path: string) => void, { kept: boolean; aside: boolean }][] = [
    ["nothing", () => {}, { kept: false, aside: false }],
    ["ours", (path) => writeFileSync(path, good, { mode: 0o600 }), { kept: true, aside: false }],
    [
      "ours, readable by others",
      (path) => writeFileSync(path, good, { mode: 0o644 }),
      { kept: true, aside: false },
    ],
    ["an empty file", (path) => writeFileSync(path, ""), { kept: false, aside: true }],
    ["a short one", (path) => writeFileSync(path, good.slice(1)), { kept: false, aside: true }],
    ["other text", (path) => writeFileSync(path, "x".repeat(32)), { kept: false, aside: true }],
    ["3 GB", (path) => void spawnSync("truncate", ["-s", "3G", path]), { kept: false, aside: true }],
    ["a directory", (path) => mkdirSync(path), { kept: false, aside: true }],
    ["a link to nothing", (path) => symlinkSync("/nonexistent", path), { kept: false, aside: true }],
    ["a FIFO", (path) => void spawnSync("mkfifo", [path]), { kept: false, aside: true }],
  ];
  for (const [name, put, { kept, aside }] of cases) {
    test(
      name,
      () => {
        const home = mkdtempSync(join(tmpdir(), "loopr-t-"));
        try {
          const path = join(home, "salt");
          put(path);
          const salt = readSalt(path, () => {});
          expect(salt).toMatch(/^[0-9a-f]{32}$/);
          expect(salt === good).toBe(kept);
          expect(readSalt(path, () => {})).toBe(salt);
          expect(statSync(path).mode & 0o777).toBe(0o600);
          expect(readdirSync(home).some((entry) => entry.startsWith("salt.aside-"))).toBe(aside);
          expect(readdirSync(home).length).toBe(aside ? 2 : 1);
        } finally {
          rmSync(home, { recursive: true });
        }
      },
      limitMs,
    );
  }
});
