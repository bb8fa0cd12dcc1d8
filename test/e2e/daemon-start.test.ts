// Starting: one daemon however many ask, ready when it says so, and nothing inherited that it should not have.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { commandLine, isAlive, program, signal, until, withHome, type Home } from "../support/harness.ts";

const limitMs = 60_000;

/** Processes of the home that are daemons. */
function daemons(home: Home): number[] {
  return home.processes().filter((pid) => commandLine(pid).includes("--foreground"));
}

function livePid(home: Home): number {
  const pid = home.daemonPid();
  if (pid === null || !isAlive(pid)) throw new Error("there is no daemon");
  return pid;
}

describe("daemon start", () => {
  test(
    "starts one that answers, and says so when one is there already",
    () =>
      withHome(async (home) => {
        expect(await home.ok(["daemon", "start"])).toMatch(/^The daemon is running \(PID \d+\)\.\n$/);
        const pid = livePid(home);
        expect(await home.ok(["daemon", "start"])).toBe(`The daemon is already running (PID ${pid}).\n`);
        expect(daemons(home)).toEqual([pid]);
        const status = JSON.parse(await home.ok(["daemon", "status", "--json"])) as Record<string, unknown>;
        expect(status).toMatchObject({ state: "running", pid, socket: join(home.dir, "daemon.sock") });
      }),
    limitMs,
  );

  test(
    "leaves what other programs rely on: files, modes, the PID and a newline",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const mode = (name: string) => (statSync(join(home.dir, name)).mode & 0o777).toString(8);
        expect(mode("")).toBe("700");
        expect(mode("daemon.sock")).toBe("600");
        expect(mode("daemon.json")).toBe("600");
        expect(mode("logs/daemon.log")).toBe("600");
        expect(readFileSync(join(home.dir, "daemon.pid"), "utf8")).toBe(`${livePid(home)}\n`);
        const identity = JSON.parse(readFileSync(join(home.dir, "daemon.json"), "utf8")) as object;
        expect(Object.keys(identity).sort()).toEqual(
          ["bootId", "build", "nonce", "pid", "protocol", "socket", "startTime", "version"].sort(),
        );
      }),
    limitMs,
  );

  test(
    "makes the socket private even under umask 0",
    () =>
      withHome(async (home) => {
        const result = await home.exec("sh", ["-c", `umask 0; exec '${program}' daemon start`]);
        expect(result.code).toBe(0);
        expect(statSync(join(home.dir, "daemon.sock")).mode & 0o777).toBe(0o600);
        expect(statSync(home.dir).mode & 0o777).toBe(0o700);
      }),
    limitMs,
  );

  test(
    "20 `loopr list` at once with no daemon: one daemon, 20 successes",
    () =>
      withHome(async (home) => {
        const results = await Promise.all(Array.from({ length: 20 }, () => home.loopr(["list"])));
        expect(results.map((result) => result.stderr).filter((text) => text !== "")).toEqual([]);
        expect(results.map((result) => result.code)).toEqual(new Array<number>(20).fill(0));
        expect(daemons(home)).toEqual([livePid(home)]);
      }),
    limitMs,
  );

  test(
    "50 clients at once over a stale PID file and a stale socket: one daemon, 50 successes",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const killed = livePid(home);
        signal(killed, "SIGKILL");
        await until(() => !isAlive(killed), 5_000);
        expect(statSync(join(home.dir, "daemon.sock")).isSocket()).toBe(true);
        const results = await Promise.all(
          Array.from({ length: 50 }, () => home.loopr(["daemon", "start"], { deadlineMs: 50_000 })),
        );
        expect(results.map((result) => result.stderr).filter((text) => text !== "")).toEqual([]);
        expect(results.map((result) => result.code)).toEqual(new Array<number>(50).fill(0));
        expect(daemons(home)).toEqual([livePid(home)]);
        expect(livePid(home)).not.toBe(killed);
      }),
    limitMs,
  );
});

describe("daemon start --foreground", () => {
  test(
    "serves until it is told to end",
    () =>
      withHome(async (home) => {
        const daemon = home.start(["daemon", "start", "--foreground"]);
        await until(() => daemon.stderr().includes("daemon ready"), 10_000);
        expect(home.daemonPid()).toBe(daemon.pid);
        daemon.kill("SIGTERM");
        expect(await daemon.wait()).toMatchObject({ code: 0, signal: null });
        expect(readdirSync(home.dir)).not.toContain("daemon.sock");
        expect(readdirSync(home.dir)).not.toContain("daemon.pid");
        expect(readdirSync(home.dir)).toContain("daemon.lock");
      }),
    limitMs,
  );

  test(
    "with --json it prints a line when it is ready; a loser and a home that is none are errors as JSON",
    () =>
      withHome(async (home) => {
        const daemon = home.start(["daemon", "start", "-f", "--json"]);
        await until(() => daemon.stdout().endsWith("\n"), 10_000);
        const ready = { state: "running", started: true, pid: daemon.pid, home: home.dir };
        expect(JSON.parse(daemon.stdout())).toMatchObject(ready);
        const loser = await home.loopr(["daemon", "start", "-f", "--json"]);
        expect(loser).toMatchObject({ code: 1, stderr: "" });
        expect(JSON.parse(loser.stdout)).toMatchObject({
          error: { code: "already_running", message: `a daemon is already running (PID ${daemon.pid})` },
        });
        daemon.kill("SIGTERM");
        expect(await daemon.wait()).toMatchObject({ code: 0 });

        const env = { LOOPR_HOME: join(home.root, "link") };
        symlinkSync(home.dir, env.LOOPR_HOME);
        const linked = await home.loopr(["daemon", "start", "-f", "--json"], { env });
        expect(linked).toMatchObject({ code: 4, stderr: "" });
        expect(JSON.parse(linked.stdout)).toMatchObject({ error: { code: "home_unusable" } });
      }),
    limitMs,
  );

  test(
    "a loser ends at once, names the holder and touches nothing of it",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const pid = livePid(home);
        const before = fingerprint(home);
        const loser = await home.loopr(["daemon", "start", "-f"], { deadlineMs: 10_000 });
        expect(loser.code).toBe(1);
        expect(loser.stderr).toContain(`already running (PID ${pid})`);
        expect(fingerprint(home)).toEqual(before);
        expect(JSON.parse(await home.ok(["daemon", "status", "--json"]))).toMatchObject({ pid });
      }),
    limitMs,
  );
});

/** Everything of a running daemon that another one could damage. */
function fingerprint(home: Home): unknown {
  const ino = (name: string) => statSync(join(home.dir, name)).ino;
  const names = ["daemon.sock", "daemon.pid", "daemon.json", "daemon.lock", "logs/daemon.log"];
  const log = readFileSync(join(home.dir, "logs/daemon.log"), "utf8");
  return { inodes: names.map(ino), log, pid: home.daemonPid() };
}

describe("a daemon in the background", () => {
  test(
    "has a session of its own, no terminal, cwd / and null for stdin",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const pid = livePid(home);
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [, , , session, tty] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        expect(Number(session)).toBe(pid);
        expect(tty).toBe("0");
        expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/");
        expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe("/dev/null");
        expect(readlinkSync(`/proc/${pid}/fd/1`)).toBe("/dev/null");
        expect(readlinkSync(`/proc/${pid}/fd/2`)).toBe(join(home.dir, "logs", "daemon.stderr"));
        expect(/^Umask:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]).toBe("0077");
      }),
    limitMs,
  );

  test(
    "keeps nothing of its starter open: `loopr daemon start | cat` ends",
    () =>
      withHome(async (home) => {
        const script = `'${program}' daemon start 2>&1 5>&1 7</dev/zero | cat`;
        const result = await home.exec("sh", ["-c", script], { deadlineMs: 10_000 });
        expect(result.stdout).toContain("The daemon is running");
        livePid(home);
      }),
    limitMs,
  );

  test(
    "gets an environment without keys and without what steers a runtime",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"], {
          env: {
            ANTHROPIC_API_KEY: "sk-secret",
            OPENAI_API_KEY: "sk-secret",
            NODE_OPTIONS: "--trace-warnings",
            BUN_CONFIG_VERBOSE_FETCH: "0",
            npm_config_registry: "http://example.com",
            TERM: "xterm",
            TERM_PROGRAM: "some",
            GIT_DIR: "/elsewhere",
            LOOPR_LOG: "debug",
            HTTPS_PROXY: "http://proxy.example.com",
            SSL_CERT_FILE: "/some/ca.pem",
          },
        });
        const environment = readFileSync(`/proc/${livePid(home)}/environ`, "utf8").split("\0");
        const names = environment.map((entry) => entry.split("=")[0]).filter((name) => name !== "");
        expect(names.sort()).toEqual(
          ["HOME", "HTTPS_PROXY", "LANG", "LOOPR_HOME", "LOOPR_LOG", "PATH", "SSL_CERT_FILE"].sort(),
        );
      }),
    limitMs,
  );

  test(
    "goes on when its starter's session is killed",
    () =>
      withHome(async (home) => {
        const script = `'${program}' daemon start; echo started; exec sleep 1000`;
        const shell = home.spawn("setsid", ["sh", "-c", script]);
        await until(() => shell.stdout().includes("started"), 10_000);
        const pid = livePid(home);
        signal(-shell.pid, "SIGHUP");
        signal(-shell.pid, "SIGKILL");
        await shell.wait();
        expect(JSON.parse(await home.ok(["daemon", "status", "--json"]))).toMatchObject({ pid });
      }),
    limitMs,
  );

  test(
    "is started from the running program where that was replaced on disk meanwhile",
    () =>
      withHome(async (home) => {
        const copy = join(home.root, "loopr");
        copyFileSync(program, copy);
        chmodSync(copy, 0o755);
        await home.exec(copy, ["daemon", "start"]);
        const first = livePid(home);
        signal(first, "SIGSTOP"); // Keeps the restart waiting until the program is gone.
        const restart = home.spawn(copy, ["daemon", "restart"]);
        await until(() => commandLine(restart.pid).includes("restart"), 5_000);
        rmSync(copy);
        writeFileSync(copy, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
        signal(first, "SIGCONT");
        expect(await restart.wait()).toMatchObject({ code: 0 });
        expect(livePid(home)).not.toBe(first);
        expect(readlinkSync(`/proc/${livePid(home)}/exe`)).toBe(`${copy} (deleted)`);
      }),
    limitMs,
  );
});

describe("the current directory", () => {
  test(
    "cannot make the program run its code or take its settings",
    () =>
      withHome(async (home) => {
        const cwd = join(home.root, "hostile");
        mkdirSync(cwd);
        const ran = join(home.root, "ran");
        writeFileSync(join(cwd, "evil.ts"), `require("fs").writeFileSync(${JSON.stringify(ran)}, "ran")`);
        writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n');
        writeFileSync(join(cwd, "package.json"), '{"name":"hostile","type":"commonjs"}');
        writeFileSync(join(cwd, "tsconfig.json"), "{ not json");
        const elsewhere = join(home.root, "elsewhere");
        for (const name of [".env", ".env.local", ".env.production", ".env.development"]) {
          writeFileSync(join(cwd, name), `LOOPR_HOME=${elsewhere}\nANTHROPIC_BASE_URL=http://evil.example\n`);
        }
        const env = { LOOPR_HOME: undefined };
        await home.ok(["daemon", "start"], { cwd, env });
        const status = JSON.parse(await home.ok(["daemon", "status", "--json"], { cwd, env })) as object;
        expect(status).toMatchObject({ state: "running", home: home.dir });
        expect(() => statSync(ran)).toThrow();
        expect(() => statSync(elsewhere)).toThrow();
        await home.ok(["daemon", "stop"], { cwd, env });
      }),
    limitMs,
  );
});

describe("a reader who has gone", () => {
  test(
    "ends a command quietly, and so does a closed stdout",
    () =>
      withHome(async (home) => {
        const broken = `( sleep 0.2; '${program}' --help; echo "code $?" >&2 ) | true`;
        expect((await home.exec("sh", ["-c", broken])).stderr).toBe("code 0\n");
        const head = `'${program}' --help | head -1`;
        const result = await home.exec("sh", ["-c", head]);
        expect(result.stdout).toContain("loopr");
        expect(result.stderr).toBe("");
        const closed = await home.exec("sh", ["-c", `'${program}' daemon start >&-; echo "code $?" >&2`]);
        expect(closed.stderr).toBe("code 0\n");
      }),
    limitMs,
  );
});
