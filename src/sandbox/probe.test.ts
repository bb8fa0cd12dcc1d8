import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../lib/find-program.ts";
import { probeSandbox, type Machine } from "./probe.ts";

const directory = mkdtempSync(join(tmpdir(), "loopr-probe-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A bubblewrap that says this and fails. */
function broken(complaint: string): string {
  const path = join(directory, "bwrap");
  writeFileSync(path, `#!/bin/sh\necho '${complaint}' >&2\nexit 1\n`);
  chmodSync(path, 0o755);
  return path;
}

function machine(options: {
  bwrap: string | null;
  platform?: string;
  files?: Record<string, string>;
}): Machine {
  const files = options.files ?? {};
  return {
    platform: options.platform ?? "linux",
    bwrap: options.bwrap,
    read: (path) => files[path] ?? null,
    exists: (path) => path in files,
  };
}

const real = findProgram("bwrap", process.env["PATH"] ?? "");
test.skipIf(real === null)("what works is found to work", async () => {
  expect(await probeSandbox()).toEqual({ ok: true });
});

test.each([
  ['ID=ubuntu\nID_LIKE=debian\nNAME="Ubuntu"', "sudo apt-get install bubblewrap"],
  ["ID=fedora", "sudo dnf install bubblewrap"],
  ['ID="opensuse-leap"\nID_LIKE="suse opensuse"', "sudo zypper install bubblewrap"],
  ["ID=arch", "sudo pacman -S bubblewrap"],
  ["ID=alpine", "sudo apk add bubblewrap"],
  ["", "install the package bubblewrap"],
])("not installed: the command of the distribution (%j)", async (release, remedy) => {
  const probe = await probeSandbox(machine({ bwrap: null, files: { "/etc/os-release": release } }));
  expect(probe).toEqual({ ok: false, reason: "bubblewrap (bwrap) is not installed", remedy });
});

test.each([
  [
    "AppArmor",
    { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1" },
    "apparmor_parser -r /etc/apparmor.d/bwrap",
  ],
  [
    "user namespaces off",
    { "/proc/sys/kernel/unprivileged_userns_clone": "0" },
    "kernel.unprivileged_userns_clone=1",
  ],
  ["no user namespace left", { "/proc/sys/user/max_user_namespaces": "0" }, "user.max_user_namespaces=15000"],
  ["a container", { "/.dockerenv": "" }, "--security-opt seccomp=unconfined"],
  ["nothing known", {}, "bwrap --unshare-all"],
])("does not work, %s: its own words, and what helps", async (_what, files, remedy) => {
  const bwrap = broken("bwrap: setting up uid map: Permission denied");
  const probe = await probeSandbox(machine({ bwrap, files }));
  if (probe.ok) throw new Error("it does not work");
  expect(probe.reason).toContain("setting up uid map: Permission denied");
  expect(probe.remedy).toContain(remedy);
  expect(probe.remedy).not.toContain("\n");
});

test("a program that cannot be run is a reason, no crash", async () => {
  const probe = await probeSandbox(machine({ bwrap: "/nonexistent/bwrap" }));
  expect(probe).toMatchObject({ ok: false });
});

test("other platforms are told so", async () => {
  const probe = await probeSandbox(machine({ bwrap: null, platform: "darwin" }));
  if (probe.ok) throw new Error("no sandbox there");
  expect(probe.reason).toContain("darwin");
  expect(probe.remedy).toContain("--sandbox none");
});
