import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ownAccount } from "../../lib/account.ts";
import { checkLogout } from "./machine.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "loopr-logind-"));
  mkdirSync(join(root, "run/systemd/system"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
const status = () => checkLogout(root)[0]?.status ?? null;

test("a machine without systemd has nothing to say", () => {
  rmSync(join(root, "run"), { recursive: true });
  expect(status()).toBeNull();
});

test("the last setting counts, comments do not", () => {
  expect(status()).toBe("ok");
  put("etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n");
  expect(status()).toBe("ok");
  put("usr/lib/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n");
  expect(checkLogout(root)).toMatchObject([{ status: "warn", remedy: "loginctl enable-linger" }]);
  put("etc/systemd/logind.conf.d/50-mine.conf", "[Login]\nKillUserProcesses = no\n");
  expect(status()).toBe("ok");
});

test("lingering keeps the daemon", () => {
  put("etc/systemd/logind.conf", "KillUserProcesses=1\n");
  put(`var/lib/systemd/linger/${ownAccount()?.name ?? ""}`, "");
  expect(status()).toBe("ok");
});
