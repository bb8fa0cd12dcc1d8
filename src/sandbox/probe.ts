// Whether a sandbox can be made on this machine: by making one.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { bwrapOptions } from "./bwrap.ts";
import { findProgram } from "../lib/find-program.ts";
import { handOver } from "./hand-over.ts";
import { socketFilter } from "./seccomp.ts";

export type SandboxProbe = { ok: true } | { ok: false; reason: string; remedy: string };

const probeMs = 10_000;
const statusFd = 3;
const filterFd = 4;
const complaintCharsMax = 2_000;

/** What the machine says about itself; an argument so that other machines can be played in tests. */
export interface Machine {
  platform: string;
  /** Path of bubblewrap; null: not installed. */
  bwrap: string | null;
  /** Content of a file, without the final line break; null where there is none. */
  read(path: string): string | null;
  exists(path: string): boolean;
}

/** Tries what every job needs. `remedy` is one command, or one sentence where no command helps. */
export async function probeSandbox(machine: Machine = thisMachine()): Promise<SandboxProbe> {
  if (machine.platform !== "linux") {
    return {
      ok: false,
      reason: `sandboxed jobs need Linux; this is ${machine.platform}`,
      remedy: "loopr run --sandbox none … runs without a sandbox, with all rights of your account",
    };
  }
  if (machine.bwrap === null) {
    return { ok: false, reason: "bubblewrap (bwrap) is not installed", remedy: installCommand(machine) };
  }
  const complaint = await tryOut(machine.bwrap);
  if (complaint === null) return { ok: true };
  return { ok: false, reason: `bubblewrap does not work: ${complaint}`, remedy: remedyFor(machine) };
}

function thisMachine(): Machine {
  return {
    platform: process.platform,
    bwrap: findProgram("bwrap", process.env["PATH"] ?? ""),
    read: (file) => {
      try {
        return readFileSync(file, "utf8").trimEnd();
      } catch {
        return null;
      }
    },
    exists: existsSync,
  };
}

/** Null: it works. Otherwise what bubblewrap said. */
async function tryOut(bwrap: string): Promise<string | null> {
  const options = bwrapOptions({
    mounts: [{ kind: "scratch", path: "/tmp" }],
    net: false,
    cwd: "/",
    env: {},
    unset: [],
    statusFd,
    filterFd,
    fileFd: filterFd + 1,
  });
  const filter = socketFilter(false);
  const child = spawn(bwrap, [...options, "--", "/bin/sh", "-c", "exit 0"], {
    cwd: "/",
    env: {},
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    timeout: probeMs,
    killSignal: "SIGKILL",
  });
  handOver(child, filterFd, filter);
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString("utf8")));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve(messageOf(error)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(null);
      const words = complaint.trim().slice(0, complaintCharsMax);
      resolve(words || `it ended with ${signal ?? `exit code ${code ?? "?"}`}`);
    });
  });
}

/** The likeliest reason first: what the machine forbids, then where it runs. */
function remedyFor(machine: Machine): string {
  const setting = (path: string) => machine.read(`/proc/sys/${path}`);
  if (setting("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    // Allows it to bubblewrap alone; the setting itself would allow it to every program.
    const profile = `abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap ${machine.bwrap ?? "/usr/bin/bwrap"} flags=(unconfined) {\\n  userns,\\n}\\n`;
    return `printf '${profile}' | sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap`;
  }
  if (setting("kernel/unprivileged_userns_clone") === "0")
    return persistently("kernel.unprivileged_userns_clone=1");
  if (setting("user/max_user_namespaces") === "0") return persistently("user.max_user_namespaces=15000");
  if (machine.exists("/.dockerenv") || machine.exists("/run/.containerenv")) {
    return "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined";
  }
  return "bwrap --unshare-all --ro-bind / / --proc /proc true   # shows the same; its message is what to look for";
}

function persistently(setting: string): string {
  return `echo '${setting}' | sudo tee /etc/sysctl.d/60-loopr.conf && sudo sysctl --system`;
}

const installers: readonly (readonly [id: RegExp, command: string])[] = [
  [/debian|ubuntu/, "sudo apt-get install bubblewrap"],
  [/fedora|rhel|centos/, "sudo dnf install bubblewrap"],
  [/suse/, "sudo zypper install bubblewrap"],
  [/arch/, "sudo pacman -S bubblewrap"],
  [/alpine/, "sudo apk add bubblewrap"],
  [/nixos/, "nix-env -iA nixos.bubblewrap"],
];

function installCommand(machine: Machine): string {
  const release = machine.read("/etc/os-release") ?? "";
  const ids = release.split("\n").filter((line) => /^ID(_LIKE)?=/.test(line));
  const found = installers.find(([id]) => ids.some((line) => id.test(line)));
  return found?.[1] ?? "install the package bubblewrap";
}
