import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProjectFile, type ProjectFile } from "./project-file.ts";
import { requireTrust, trust, trustState } from "./trust.ts";

let scratch: string;
beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), "loopr-trust-"))));
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const project = (hash = "aaaaaaaaaaaaaaaa") => ({ dataDir: join(scratch, "home"), projectHash: hash });

function file(text: string): ProjectFile {
  writeFileSync(join(scratch, ".loopr.yml"), text);
  const read = readProjectFile(scratch);
  if (!read) throw new Error("no file");
  return read;
}

test("unknown, trusted, changed, not needed", () => {
  const runs = file("worktree:\n  setup: npm ci\n");
  expect(trustState(project(), runs)).toBe("unknown");
  trust(project(), runs.text);
  expect(trustState(project(), runs)).toBe("trusted");
  expect(trustState(project("bbbbbbbbbbbbbbbb"), runs)).toBe("unknown");
  expect(trustState(project(), file("worktree:\n  setup: npm  ci\n"))).toBe("changed");
  expect(trustState(project(), file("levels: code\n"))).toBe("not_needed");
  expect(() => requireTrust(project(), file("env:\n  set: { A: b }\n"))).toThrow(/env\.set/);
});

test("the file is private, holds hash → digest, keeps the other projects and leaves nothing behind", () => {
  trust(project("aaaaaaaaaaaaaaaa"), "one");
  trust(project("bbbbbbbbbbbbbbbb"), "two");
  const path = join(scratch, "home", "trust.json");
  const content = JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  expect(Object.keys(content)).toEqual(["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]);
  expect(content["aaaaaaaaaaaaaaaa"]).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(scratch, "home")).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(scratch, "home"))).toEqual(["trust.json"]);
});

test("a damaged file trusts nothing, and says so", () => {
  trust(project(), "x");
  for (const text of ["", "{", "[]", '{"aaaaaaaaaaaaaaaa": 1}', "null"]) {
    writeFileSync(join(scratch, "home", "trust.json"), text);
    expect(() => trustState(project(), file("worktree:\n  setup: x\n"))).toThrow(/trust\.json is damaged/);
  }
});

test("a home that cannot be written is named", () => {
  writeFileSync(join(scratch, "home"), "a file");
  expect(() => trust(project(), "x")).toThrow(/trust\.json cannot be written/);
});
