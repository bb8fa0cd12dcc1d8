// Something else on the socket: told apart, reported, never replaced or signalled.
import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { until, withHome, type Home, type RunResult } from "../support/harness.ts";

const limitMs = 60_000;

/** Listens on the home's socket, answering each line as told. */
async function listening(
  home: Home,
  onLine: (line: string, socket: Socket) => void,
  body: () => Promise<void>,
): Promise<void> {
  mkdirSync(home.dir, { recursive: true, mode: 0o700 });
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\n")) if (line !== "") onLine(line, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(home.dir, "daemon.sock"), resolve));
  try {
    await body();
    expect(existsSync(join(home.dir, "daemon.sock"))).toBe(true);
    expect(home.processes()).toEqual([]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Refuses every request, in words that clear the screen of who shows them. */
function refusing(code: number): (line: string, socket: Socket) => void {
  return (line, socket) => {
    const { id } = JSON.parse(line) as { id: number };
    socket.write(JSON.stringify({ id, error: { code, message: "\x1b[2Jboom\x1b[31m" } }) + "\n");
  };
}

/** Connections that wait for a listener which takes none, until there is no room for another. */
async function fillQueue(path: string): Promise<Socket[]> {
  const waiting: Socket[] = [];
  for (;;) {
    const socket = connect(path);
    const taken = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (!taken) return waiting;
    waiting.push(socket);
  }
}

async function start(home: Home): Promise<RunResult> {
  return home.loopr(["daemon", "start"], { deadlineMs: 20_000 });
}

describe("on our socket", () => {
  test(
    "an original daemon: its version is named, nothing is sent to stop it",
    () =>
      withHome(async (home) => {
        const seen: string[] = [];
        const answer = (line: string, socket: Socket) => {
          const { id, method } = JSON.parse(line) as { id: number; method: string };
          seen.push(method);
          const result = { version: "0.1.1", capabilities: { chat: true, loops: true } };
          socket.write(JSON.stringify({ id, result }) + "\n");
        };
        await listening(home, answer, async () => {
          for (const args of [
            ["daemon", "start"],
            ["daemon", "stop"],
            ["daemon", "status"],
            ["daemon", "restart"],
          ]) {
            const result = await home.loopr(args, { deadlineMs: 20_000 });
            expect(result.code).toBe(5);
            expect(result.stderr).toContain("Loopr 0.1.1");
          }
          expect(new Set(seen)).toEqual(new Set(["initialize"]));
        });
      }),
    limitMs,
  );

  test(
    "a daemon of ours that is too old to wait for checkpoints: --when-idle says so and stops nothing",
    () =>
      withHome(async (home) => {
        const seen: string[] = [];
        const answers: Record<string, unknown> = {
          initialize: {
            version: "0.1.9",
            build: "20200101000000-000000000000",
            protocol: "1.0",
            capabilities: { chat: false, loops: true, events: true },
            pid: process.pid,
            nonce: "n",
            started_at: 1,
            home: home.dir,
          },
        };
        const answer = (line: string, socket: Socket) => {
          const { id, method } = JSON.parse(line) as { id: number; method: string };
          seen.push(method);
          const error = { code: -32601, message: `Unknown method: ${method}` };
          const result = answers[method];
          socket.write(JSON.stringify({ id, ...(result === undefined ? { error } : { result }) }) + "\n");
        };
        await listening(home, answer, async () => {
          const result = await home.loopr(["daemon", "restart", "--when-idle"], { deadlineMs: 20_000 });
          expect(result.code).toBe(1);
          expect(result.stderr).toMatch(
            /^error: the daemon that runs \(version 0\.1\.9\) cannot wait for checkpoints\n {2}hint: `loopr daemon restart` /,
          );
          expect(new Set(seen)).toEqual(new Set(["initialize", "daemon.drain"]));
        });
      }),
    limitMs,
  );

  const strangers: [string, (line: string, socket: Socket) => void][] = [
    ["a web server", (_line, socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["bytes", (_line, socket) => void socket.write(Buffer.from([0, 0xff, 0xfe, 0x0a, 0x0a, 0x80, 0x0a]))],
    [
      "JSON of another protocol",
      (_line, socket) => void socket.write('{"jsonrpc":"2.0","method":"hello"}\n'),
    ],
    ["an answer without sense", (_line, socket) => void socket.write('{"id":1,"result":7}\n')],
  ];
  for (const [name, answer] of strangers) {
    test(
      `${name}: an error that says so`,
      () =>
        withHome((home) =>
          listening(home, answer, async () => {
            const result = await start(home);
            expect([4, 5]).toContain(result.code ?? -1);
            expect(result.stderr).toMatch(/holds the socket .*daemon\.sock/);
          }),
        ),
      limitMs,
    );
  }

  for (const code of [-32603, -32601]) {
    test(
      `one that answers with error ${code}: no daemon of ours, and nothing of it that a terminal obeys`,
      () =>
        withHome((home) =>
          listening(home, refusing(code), async () => {
            const said = `it answers the handshake with error ${code}: boom`;
            for (const [words, exit] of [
              [["daemon", "start"], 4],
              [["daemon", "status"], 4],
              [["daemon", "stop"], 1],
              [["list", "-a"], 4],
            ] as const) {
              const result = await home.loopr([...words], { deadlineMs: 20_000 });
              expect({ words, exit: result.code }).toEqual({ words, exit });
              expect(result.stderr).toContain("something that is not our daemon holds the socket");
              expect(result.stderr).toContain(said);
              expect(result.stdout + result.stderr).not.toContain("\x1b");
            }
          }),
        ),
      limitMs,
    );
  }

  test(
    "one that says that it is full, in colours: nothing of them reaches the terminal",
    () =>
      withHome((home) =>
        listening(home, refusing(1005), async () => {
          const status = await home.loopr(["daemon", "status"]);
          expect(status).toMatchObject({ code: 0, stderr: "" });
          expect(status.stdout).toMatch(/^full +boom$/m);
          const started = await start(home);
          expect(started.stderr).toContain("lets nobody in: boom\n");
        }),
      ),
    limitMs,
  );

  test(
    "one whose queue is full: somebody listens, and nothing takes its place",
    () =>
      withHome(async (home) => {
        mkdirSync(home.dir, { recursive: true, mode: 0o700 });
        const path = join(home.dir, "daemon.sock");
        const script = `require("node:net").createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.log("up"))`;
        const listener = home.spawn(process.execPath, ["-e", script]);
        await until(() => listener.stdout().includes("up"), 10_000);
        listener.kill("SIGSTOP");
        const { ino } = lstatSync(path);
        const waiting = await fillQueue(path);
        try {
          for (const words of [
            ["daemon", "status"],
            ["daemon", "start"],
            ["list", "-a"],
          ]) {
            const result = await home.loopr(words, { deadlineMs: 20_000 });
            expect({ words, code: result.code }).toEqual({ words, code: 4 });
            expect(result.stderr).toContain(`holds the socket ${path}: it is not responding`);
          }
          expect(lstatSync(path).ino).toBe(ino);
        } finally {
          for (const socket of waiting) socket.destroy();
          listener.kill("SIGKILL");
        }
      }),
    limitMs,
  );

  test(
    "one that accepts and is silent: not responding, and no second daemon",
    () =>
      withHome((home) =>
        listening(
          home,
          () => {},
          async () => {
            const result = await start(home);
            expect(result.code).toBe(4);
            expect(result.stderr).toContain("not responding");
          },
        ),
      ),
    limitMs,
  );
});
