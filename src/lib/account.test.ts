import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownAccount } from "./account.ts";

let scratch = "";
beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), "loopr-account-"))));
afterEach(() => rmSync(scratch, { recursive: true }));

test("by its number, whatever the environment says", () => {
  const passwd = join(scratch, "passwd");
  writeFileSync(passwd, "root:x:0:0:root:/root:/bin/sh\n\nbad line\nada:x:4242:1:Ada,,,:/home/ada:/bin/sh\n");
  expect(ownAccount(4242, passwd)).toEqual({ name: "ada", home: "/home/ada" });
  expect(ownAccount(0, passwd)).toEqual({ name: "root", home: "/root" });
});

test("nobody knows of it", () => {
  expect(ownAccount(4_242_424, join(scratch, "missing"))).toBeNull();
});
