// The machine: programs that Loopr needs, and what becomes of a daemon when its user logs out.
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { ownAccount } from "../../lib/account.ts";
import { gitVersion } from "../../git/version.ts";
import { flockPrograms } from "../../lib/file-lock.ts";
import { build, version } from "../../lib/version.ts";
import { probeSandbox } from "../../sandbox/probe.ts";
import { fail, failed, ok, warn, type Finding } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export function checkVersion(): Finding {
  const detail = `${version} (${build}), ${process.platform} ${process.arch}`;
  const supported = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
  if (supported) return ok("loopr", detail);
  return warn("loopr", detail, "Linux on x64 and arm64 is what is supported");
}

export async function checkGit(env: Environment): Promise<Finding> {
  try {
    return ok("git", await gitVersion(env));
  } catch (error) {
    return failed("git", error);
  }
}

/** `off`: the person's own configuration runs everything unsandboxed. */
export async function checkSandbox(off: boolean): Promise<Finding> {
  const probe = await probeSandbox();
  if (off) {
    return warn(
      "sandbox",
      `switched off by sandbox.mode; it ${probe.ok ? "would work" : "would not work either"}`,
      "remove sandbox.mode: none from your configuration",
    );
  }
  if (probe.ok) return ok("sandbox", "bubblewrap works");
  return fail("sandbox", probe.reason, probe.remedy);
}

export function checkPrograms(env: Environment): Finding[] {
  const lock = flockPrograms.some((program) => (isAbsolute(program) ? canRun(program) : onPath(program, env)))
    ? ok("flock", "found")
    : fail("flock", "not found", "install util-linux: the daemon's lock needs it");
  const search = onPath("rg", env)
    ? ok("ripgrep", "found")
    : warn("ripgrep", "not on PATH", "install ripgrep: without it the grep tool is slower");
  return process.platform === "linux" ? [lock, search] : [search];
}

function onPath(program: string, env: Environment): boolean {
  return (env["PATH"] ?? "").split(delimiter).some((directory) => canRun(join(directory || ".", program)));
}

function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** systemd may end the daemon when its user logs out (logind.conf(5)). `root`: where the system's files are. */
export function checkLogout(root = "/"): Finding[] {
  if (!existsSync(join(root, "run/systemd/system"))) return [];
  if (!killsUserProcesses(root)) return [ok("logging out", "the daemon goes on")];
  const account = ownAccount();
  if (account && existsSync(join(root, "var/lib/systemd/linger", account.name))) {
    return [ok("logging out", "the daemon goes on (lingering is enabled)")];
  }
  return [
    warn(
      "logging out",
      "ends the daemon: logind.conf sets KillUserProcesses; runs go on when you come back",
      "loginctl enable-linger",
    ),
  ];
}

function killsUserProcesses(root: string): boolean {
  const places = ["usr/lib/systemd", "run/systemd", "etc/systemd"].map((place) => join(root, place));
  const files = places.flatMap((place) => [
    join(place, "logind.conf"),
    ...list(join(place, "logind.conf.d")).map((name) => join(place, "logind.conf.d", name)),
  ]);
  let kills = false;
  for (const file of files) {
    for (const [, value = ""] of read(file).matchAll(/^\s*KillUserProcesses\s*=\s*(\S+)/gm)) {
      kills = /^(1|yes|true|on|y|t)$/i.test(value);
    }
  }
  return kills;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(".conf"))
      .sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
