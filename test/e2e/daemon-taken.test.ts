// The place of the socket is another's: a listener, a file, a directory. It is named, and left as it was.
// @waits
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { withHome, type Home } from "../support/harness.ts";

const limitMs = 60_000;

type Behaviour = (socket: Socket) => void;

const original: Behaviour = (socket) => {
  socket.on("data", (chunk) => {
    const { id } = JSON.parse(chunk.toString()) as { id: number };
    const result = { version: "0.1.1", capabilities: { chat: true, loops: true, events: true } };
    socket.write(JSON.stringify({ id, result }) + "\n");
  });
};
const closes: Behaviour = (socket) => socket.destroy();
const silent: Behaviour = () => {};
const banner: Behaviour = (socket) => void socket.write("SSH-2.0-foo\r\n");

async function listening(home: Home, behaviour: Behaviour, body: (path: string) => Promise<void>) {
  mkdirSync(home.dir, { recursive: true, mode: 0o700 });
  const path = join(home.dir, "daemon.sock");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    behaviour(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { ino } = lstatSync(path);
  try {
    await body(path);
    expect(lstatSync(path).ino).toBe(ino);
    expect(home.processes()).toEqual([]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe("a listener on the socket", () => {
  const listeners: [string, Behaviour, string][] = [
    ["an original daemon", original, "the original Loopr (0.1.1)"],
    ["one that closes", closes, "not Loopr"],
    ["one that is silent", silent, "not responding"],
    ["one that greets", banner, "not Loopr"],
  ];
  for (const [name, behaviour, words] of listeners) {
    test(
      `${name}: --foreground is refused and takes nothing`,
      () =>
        withHome((home) =>
          listening(home, behaviour, async (path) => {
            const result = await home.loopr(["daemon", "start", "--foreground"], { deadlineMs: 20_000 });
            expect(result.code).toBe(4);
            expect(result.stderr).toContain(path);
            expect(result.stderr).toContain(words);
            expect(readdirSync(home.dir)).not.toContain("daemon.json");
            expect(readdirSync(home.dir)).not.toContain("daemon.pid");
          }),
        ),
      limitMs,
    );
  }

  for (const [name, behaviour] of listeners.slice(1)) {
    test(
      `${name}: every command says the same, and none sends to another`,
      () =>
        withHome((home) =>
          listening(home, behaviour, async (path) => {
            for (const [command, code] of [
              ["start", 4],
              ["status", 4],
              ["stop", 1],
              ["restart", 4],
            ] as const) {
              const result = await home.loopr(["daemon", command], { deadlineMs: 20_000 });
              expect(result.stderr).toContain(`something that is not our daemon holds the socket ${path}`);
              expect(result.stderr).toContain("LOOPR_SOCKET");
              expect(result.stderr).not.toContain("loopr daemon");
              expect({ command, code: result.code }).toEqual({ command, code });
            }
          }),
        ),
      limitMs,
    );
  }

  test(
    "a daemon of another home: named, and not replaced",
    () =>
      withHome(async (home) => {
        const env = { LOOPR_SOCKET: join(home.root, "shared.sock") };
        await home.ok(["daemon", "start"], { env });
        const pid = home.daemonPid();
        const other = { ...env, LOOPR_HOME: join(home.root, "other") };
        const second = await home.loopr(["daemon", "start", "-f"], { env: other });
        expect(second.code).toBe(4);
        expect(second.stderr).toContain(`the Loopr daemon of ${home.dir} (PID ${pid})`);
        other.LOOPR_HOME = join(home.root, "not-there");
        for (const words of [["status"], ["start"], ["stop"], ["restart"], ["restart", "--when-idle"]]) {
          const refused = await home.loopr(["daemon", ...words], { env: other });
          expect({ words, code: refused.code }).toEqual({ words, code: 4 });
          expect(refused.stderr).toContain(
            `the daemon of ${home.dir} (PID ${pid}) answers on ${env.LOOPR_SOCKET}`,
          );
          expect(refused.stderr).toContain(`hint: set LOOPR_HOME='${home.dir}' to work with that daemon`);
        }
        expect((await home.loopr(["list", "-a", "--json"], { env: other })).code).toBe(4);
        expect(existsSync(other.LOOPR_HOME)).toBe(false);
        const byLink = join(home.root, "by-link");
        symlinkSync(home.userHome, byLink);
        const spelled = { ...env, LOOPR_HOME: join(byLink, ".loopr") };
        expect(await home.loopr(["list", "-a"], { env: spelled })).toMatchObject({ code: 0 });
        expect(JSON.parse(await home.ok(["daemon", "status", "--json"]))).toMatchObject({ pid });
      }),
    limitMs,
  );
});

describe("what is no socket", () => {
  const others: [string, (path: string) => void, string][] = [
    ["a file", (path) => writeFileSync(path, "precious"), "a file"],
    ["a link to a file", (path) => symlinkSync("/etc/hostname", path), "a symbolic link"],
    ["a directory", (path) => mkdirSync(path), "a directory"],
  ];
  for (const [name, make, words] of others) {
    for (const place of ["LOOPR_SOCKET", "the default path"]) {
      test(
        `${name} at ${place} is named and stays`,
        () =>
          withHome(async (home) => {
            mkdirSync(home.dir, { recursive: true, mode: 0o700 });
            const byVariable = place === "LOOPR_SOCKET";
            const path = byVariable ? join(home.root, "mine") : join(home.dir, "daemon.sock");
            make(path);
            const before = lstatSync(path);
            const env = byVariable ? { LOOPR_SOCKET: path } : {};
            const started = await home.loopr(["daemon", "start"], { env });
            expect(started.code).toBe(4);
            const foreground = await home.loopr(["daemon", "start", "-f"], { env });
            expect(foreground.code).toBe(4);
            for (const { stderr } of [started, foreground]) {
              expect(stderr).toContain(`${path} is ${words}`);
              expect(stderr).toContain("hint:");
            }
            expect(await home.ok(["daemon", "stop"], { env })).toContain("not running");
            expect(lstatSync(path).ino).toBe(before.ino);
            if (before.isFile()) expect(readFileSync(path, "utf8")).toBe("precious");
          }),
        limitMs,
      );
    }
  }

  test(
    "/tmp itself, and a directory that is missing: what to set instead",
    () =>
      withHome(async (home) => {
        const inTmp = await home.loopr(["daemon", "start"], { env: { LOOPR_SOCKET: "/tmp" } });
        expect(inTmp).toMatchObject({ code: 4 });
        expect(inTmp.stderr).toContain("/tmp is a directory");
        expect(inTmp.stderr).toContain("LOOPR_SOCKET='/tmp/loopr.sock'");
        const missing = join(home.root, "missing");
        const env = { LOOPR_SOCKET: join(missing, "s.sock") };
        const nowhere = await home.loopr(["daemon", "start"], { env });
        expect(nowhere).toMatchObject({ code: 4 });
        expect(nowhere.stderr).toContain("does not exist");
        expect(nowhere.stderr).toContain(`mkdir -p '${missing}'`);
        expect(existsSync(missing)).toBe(false);
      }),
    limitMs,
  );
});
