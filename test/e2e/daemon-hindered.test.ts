// What stands in a command's way without being the daemon's fault: each command still ends, and says what it is.
// @waits
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { program, until, withHome, type Home } from "../support/harness.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;
/** Ten times what a command takes here; one that hangs takes for ever. */
const endsMs = 15_000;

function makeFifo(home: Home, name: string): string {
  const path = join(home.dir, name);
  rmSync(path, { force: true });
  spawnSync("mkfifo", [path]);
  expect(lstatSync(path).isFIFO()).toBe(true);
  return path;
}

/** The exit codes of the commands, in their order. */
async function codesOf(home: Home, ...commands: string[][]): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  for (const words of commands) codes.push((await home.loopr(words, { deadlineMs: endsMs })).code);
  return codes;
}

test(
  "a FIFO in the place of daemon.json or of a log: no command waits for its other end",
  () =>
    withHome(async (home) => {
      mkdirSync(join(home.dir, "logs"), { recursive: true, mode: 0o700 });
      makeFifo(home, "daemon.json");
      expect(await codesOf(home, ["daemon", "status"], ["daemon", "stop"])).toEqual([3, 0]);
      for (const name of ["logs/daemon.log", "logs/daemon.stderr", "logs/crash.json", "daemon.pid"]) {
        makeFifo(home, name);
      }
      const commands = [
        ["daemon", "start"],
        ["daemon", "status"],
        ["list", "-a"],
        ["daemon", "stop"],
      ];
      expect(await codesOf(home, ...commands)).toEqual([0, 0, 0, 0]);
      const logs = readdirSync(join(home.dir, "logs"));
      expect(logs.filter((name) => name.startsWith("daemon.log.aside-"))).toHaveLength(1);
      expect(lstatSync(join(home.dir, "logs", "daemon.log")).isFile()).toBe(true);
    }),
  limitMs,
);

test(
  "a FIFO in the place of daemon.lock: no daemon runs, and a start names it",
  () =>
    withHome(async (home) => {
      mkdirSync(home.dir, { recursive: true, mode: 0o700 });
      const path = makeFifo(home, "daemon.lock");
      expect(await codesOf(home, ["daemon", "status"], ["daemon", "stop"])).toEqual([3, 0]);
      const start = await home.loopr(["daemon", "start"], { deadlineMs: endsMs });
      expect(start.code).toBe(4);
      expect(start.stderr).toContain(`the lock file ${path} cannot be opened`);
      expect(start.stderr).toContain("LOOPR_HOME");
    }),
  limitMs,
);

test(
  "in a directory that was deleted: what needs none works, and what needs it says so",
  () =>
    withHome(async (home) => {
      const gone = async (...words: string[]) => {
        const script = `mkdir gone; cd gone; rmdir ../gone; exec '${program}' "$@"`;
        return home.exec("sh", ["-c", script, "sh", ...words], { deadlineMs: endsMs });
      };
      const daemon = [["--version"], ["daemon", "start"], ["daemon", "status"], ["list", "--all-projects"]];
      for (const words of daemon) expect(await gone(...words)).toMatchObject({ code: 0, stderr: "" });
      const list = await gone("list", "--json");
      expect(list.code).toBe(2);
      expect(JSON.parse(list.stdout)).toMatchObject({
        error: { code: "usage", message: "the current directory does not exist any more" },
      });
      expect((await gone("run", "Greet")).stderr).toContain("the current directory does not exist any more");
      expect((await gone("doctor")).stdout).toContain("the current directory does not exist any more");
      expect(await gone("daemon", "stop", "--json")).toMatchObject({ code: 0, stderr: "" });
    }),
  limitMs,
);

test(
  "a daemon that takes no more clients is running, says why it lets nobody in, and can be stopped",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const socket = join(home.dir, "daemon.sock");
      const pid = home.daemonPid();
      const clients = await Promise.all(Array.from({ length: 256 }, () => wire(socket)));
      for (const client of clients) await client.call("ping");
      const why = "256 clients are connected, which is the limit";

      const status = await home.loopr(["daemon", "status", "--json"]);
      expect(status.code).toBe(0);
      const busy = expect.stringContaining(why) as string;
      expect(JSON.parse(status.stdout)).toMatchObject({ state: "running", pid, busy });
      expect((await home.loopr(["daemon", "status"])).stdout).toContain(why);
      expect((await home.loopr(["doctor"])).stdout).toContain(why);
      for (const words of [["list"], ["daemon", "restart", "--when-idle"]]) {
        const refused = await home.loopr(words);
        expect(refused.code).toBe(4);
        expect(refused.stderr).toContain(`the daemon (PID ${pid}) runs, and lets nobody in`);
        expect(refused.stderr).toContain(
          "hint: end some of its clients and try again; `loopr daemon restart`",
        );
      }

      // It runs, which is what a start is to bring about.
      const started = await home.loopr(["daemon", "start"]);
      expect(started).toMatchObject({ code: 0, stdout: `The daemon is already running (PID ${pid}).\n` });
      expect(started.stderr).toContain(`the daemon (PID ${pid}) runs, and lets nobody in`);

      expect(await home.loopr(["daemon", "restart"])).toMatchObject({ code: 0 });
      expect(home.daemonPid()).not.toBe(pid);
      for (const client of clients) client.close();
    }),
  limitMs,
);

test(
  "a daemon.json that names another socket: the daemon is found, no key goes astray, and it is mended",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const path = join(home.dir, "daemon.json");
      const whole = readFileSync(path, "utf8");
      const elsewhere = join(home.root, "elsewhere.sock");
      const heard: string[] = [];
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.on("data", (chunk) => {
          heard.push(chunk.toString());
          const result = { version: "0.1.1", capabilities: { chat: true, loops: true, events: true } };
          socket.write(JSON.stringify({ id: 1, result }) + "\n");
        });
      });
      await new Promise<void>((resolve) => server.listen(elsewhere, resolve));
      try {
        const told: unknown = JSON.parse(whole);
        if (typeof told !== "object") throw new Error("daemon.json holds no object");
        const wrong = JSON.stringify({ ...told, socket: elsewhere });
        const env = { ANTHROPIC_API_KEY: "sk-ant-of-this-test" };
        for (const words of [
          ["daemon", "status"],
          ["list", "-a"],
        ]) {
          writeFileSync(path, wrong);
          expect(await home.loopr(words, { env })).toMatchObject({ code: 0 });
        }
        expect(heard.join("")).not.toContain("sk-ant");
        writeFileSync(path, wrong);
        await until(() => readFileSync(path, "utf8") === whole, 50_000, "the self-check to mend daemon.json");
        writeFileSync(path, wrong);
        expect(await home.loopr(["daemon", "stop"], { env })).toMatchObject({ code: 0 });
        expect(heard.join("")).not.toContain("sk-ant");
      } finally {
        for (const socket of sockets) socket.destroy();
        server.close();
      }
    }),
  limitMs,
);

test(
  "reads outlive restarts of the daemon, however these fall",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      let restarting = true;
      const restarts = (async () => {
        for (let n = 0; n < 6; n++) await home.ok(["daemon", "restart"]);
        restarting = false;
      })();
      const lists: string[] = [];
      while (restarting) lists.push(await home.ok(["list", "-a"]));
      await restarts;
      expect(lists.length).toBeGreaterThan(5);
    }),
  limitMs,
);
