// The protocol as any program may use it, well or badly: what is wrong costs a connection, never the daemon.
// @waits
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { until, withHome, type Home } from "../support/harness.ts";
import { wire, type Wire } from "../support/wire.ts";

const limitMs = 60_000;
const mebibyte = 1024 * 1024;

function withDaemon(body: (open: () => Promise<Wire>, home: Home) => Promise<void>): Promise<void> {
  return withHome(async (home) => {
    await home.ok(["daemon", "start"]);
    const pid = home.daemonPid();
    const clients: Wire[] = [];
    const open = async () => {
      const client = await wire(join(home.dir, "daemon.sock"));
      clients.push(client);
      return client;
    };
    await body(open, home);
    const survivor = await open();
    expect((await survivor.call("ping")).result).toEqual({ pong: true });
    expect(home.daemonPid()).toBe(pid);
    for (const client of clients) client.close();
  });
}

describe("an original client", () => {
  test(
    "is served without initialize, and gets no event that it has not asked for",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const client = await wire(join(home.dir, "daemon.sock"));
        expect(await client.call("ping")).toEqual({ id: 1, result: { pong: true } });
        expect((await client.call("status")).result).toMatchObject({
          running: true,
          version: expect.any(String) as string,
          llm_ready: expect.any(Boolean) as boolean,
          loops: {},
        });
        expect((await client.call("initialize", { version: "0.1.1" })).result).toMatchObject({
          protocol: "1.0",
          capabilities: { events: true, chat: false },
        });
        expect((await client.call("subscribe", {})).result).toEqual({
          subscribed: true,
          seq: expect.any(Number) as number,
        });
        expect((await client.call("unsubscribe")).result).toEqual({ subscribed: false });
        client.raw('{"id":90,"method":"shutdown"}\n');
        expect((await client.next((message) => message.id === 90)).result).toEqual({ stopping: true });
        expect(client.messages.filter((message) => message.event !== undefined)).toEqual([]);
        await until(() => client.isClosed(), 10_000);
        expect(client.messages.filter((message) => message.event !== undefined)).toEqual([]);
      }),
    limitMs,
  );

  test(
    "may send CRLF, blank lines, null or absent params, and several requests in one write or one in many",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        client.raw(
          '\r\n\n{"id":1,"method":"ping","params":null}\r\n\n{"id":2,"method":"ping"}\n{"id":3,"meth',
        );
        await client.next((message) => message.id === 2);
        client.raw('od":"ping","params":{}}');
        client.raw("\n");
        await client.next((message) => message.id === 3);
        expect(client.messages).toEqual([1, 2, 3].map((id) => ({ id, result: { pong: true } })));
      }),
    limitMs,
  );

  test(
    "may close its writing half and still read the answers",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        client.socket.end('{"id":7,"method":"status"}\n{"id":8,"method":"ping"}\n');
        await client.next((message) => message.id === 8);
        await until(() => client.isClosed(), 10_000);
      }),
    limitMs,
  );
});

test(
  "what any version may ask of any other has exactly these fields",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const client = await wire(join(home.dir, "daemon.sock"));
      for (const [method, params, fields] of [
        [
          "initialize",
          { version: "0.1.1" },
          ["version", "build", "protocol", "capabilities", "pid", "nonce", "started_at", "home"],
        ],
        ["ping", undefined, ["pong"]],
        [
          "status",
          undefined,
          [
            "running",
            "version",
            "build",
            "pid",
            "uptime_ms",
            "llm_ready",
            "loops",
            "clients",
            "memory_bytes",
          ],
        ],
        ["shutdown", undefined, ["stopping"]],
      ] as const) {
        const { result } = await client.call(method, params);
        expect([method, ...Object.keys(result as object)]).toEqual([method, ...fields]);
      }
      await until(() => home.processes().length === 0, 20_000, "the daemon to end");
    }),
  limitMs,
);

describe("errors", () => {
  test(
    "name what is wrong, and the connection lives on",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        const refusals: [string, number, number, string | RegExp][] = [
          ["not json", 0, -32700, /^Parse error/],
          ["[1,2]", 0, -32700, /^Parse error/],
          ["42", 0, -32700, /^Parse error/],
          ['{"method":"ping"}', 0, -32700, /'id'/],
          ['{"id":-1,"method":"ping"}', 0, -32700, /'id'/],
          ['{"id":1.5,"method":"ping"}', 0, -32700, /'id'/],
          ['{"id":"1","method":"ping"}', 0, -32700, /'id'/],
          ['{"id":1}', 0, -32700, /'method'/],
          ['{"id":1,"method":"ping","params":[1]}', 0, -32700, /'params'/],
          ['{"id":5,"method":"foo"}', 5, -32601, "Unknown method: foo"],
          ['{"id":5,"method":"toString"}', 5, -32601, "Unknown method: toString"],
          ['{"id":5,"method":"__proto__"}', 5, -32601, "Unknown method: __proto__"],
          [
            '{"id":6,"method":"chat.send","params":{"message":"hello"}}',
            6,
            1006,
            /chat\.send is not available/,
          ],
          ['{"id":7,"method":"initialize"}', 7, -32602, "Missing 'version' parameter"],
          [
            '{"id":7,"method":"initialize","params":{"version":null}}',
            7,
            -32602,
            "Missing 'version' parameter",
          ],
          [
            '{"id":7,"method":"initialize","params":{"version":1}}',
            7,
            -32602,
            /^Invalid 'version' parameter/,
          ],
          ['{"id":8,"method":"shutdown","params":{"mode":"later"}}', 8, -32602, /^Invalid 'mode' parameter/],
          ['{"id":9,"method":"subscribe","params":{"since":-1}}', 9, -32602, /^Invalid 'since' parameter/],
        ];
        for (const [line, id, code, message] of refusals) {
          const before = client.messages.length;
          client.raw(`${line}\n`);
          const answer = await until(() => client.messages[before], 10_000, `an answer to ${line}`);
          expect({ line, id: answer.id, code: answer.error?.code }).toEqual({ line, id, code });
          if (typeof message === "string") expect(answer.error?.message).toBe(message);
          else expect(answer.error?.message).toMatch(message);
          expect(answer.result).toBeUndefined();
        }
        expect((await client.call("ping")).result).toEqual({ pong: true });
      }),
    limitMs,
  );

  test(
    "of versions tell both",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        const { error } = await client.call("initialize", { version: "9.0.0", protocol: "2.0" });
        expect(error?.code).toBe(1004);
        expect(error?.data).toMatchObject({
          client_version: "9.0.0",
          daemon_version: expect.any(String) as string,
        });
        expect(
          (await client.call("initialize", { version: "9.0.0", protocol: "1.7" })).error,
        ).toBeUndefined();
      }),
    limitMs,
  );
});

describe("bounds", () => {
  test(
    "a line just under 1 MiB is taken; one over it is answered and ends the connection",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        const padded = (bytes: number) => {
          const [head, tail] = ['{"id":1,"method":"ping","params":{"x":"', '"}}'];
          return head + "x".repeat(bytes - head.length - tail.length) + tail;
        };
        client.raw(padded(mebibyte) + "\n");
        expect((await client.next((message) => message.id === 1)).result).toEqual({ pong: true });
        client.raw(padded(mebibyte + 1) + "\n");
        expect((await client.next((message) => message.id === 0)).error?.code).toBe(-32600);
        await until(() => client.isClosed(), 10_000);

        const endless = await open();
        endless.raw("x".repeat(3 * mebibyte)); // Without a newline.
        expect((await endless.next((message) => message.id === 0)).error?.code).toBe(-32600);
        await until(() => endless.isClosed(), 10_000);
      }),
    limitMs,
  );

  test(
    "a client that does not read is cut off; the others do not notice",
    () =>
      withDaemon(async (open, home) => {
        const [deaf, other] = [await open(), await open()];
        deaf.socket.pause();
        const requests = '{"id":1,"method":"status"}\n'.repeat(2_000);
        let cut = false;
        deaf.socket.on("close", () => (cut = true));
        const push = () => {
          if (!cut) deaf.socket.write(requests, () => setImmediate(push));
        };
        push();
        const log = join(home.dir, "logs/daemon.log");
        await until(() => readFileSync(log, "utf8").includes("was cut off"), 30_000);
        expect((await other.call("ping")).result).toEqual({ pong: true });
        const { memory_bytes } = (await other.call("status")).result as { memory_bytes: number };
        expect(memory_bytes).toBeLessThan(300 * mebibyte);
      }),
    limitMs,
  );

  test(
    "256 clients are served, the next one is told that it is busy, and comes in when one has left",
    () =>
      withDaemon(async (open) => {
        const first = await open();
        // The command that has started the daemon is a client until the daemon has seen it go.
        await until(async () => {
          const { clients } = (await first.call("status")).result as { clients: number };
          return clients === 1;
        }, 10_000);
        const clients = [first, ...(await Promise.all(Array.from({ length: 255 }, () => open())))];
        await Promise.all(clients.map((client) => client.call("ping")));
        // Who is told so may be too busy to read it at once.
        const coming = Array.from({ length: 10 }, () => open());
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
        const late = await Promise.all(coming);
        for (const client of late) {
          expect((await client.next((message) => message.id === 0)).error?.code).toBe(1005);
          await until(() => client.isClosed(), 10_000);
        }
        expect((await clients[0]?.call("ping"))?.result).toEqual({ pong: true });
        for (const client of clients) client.close();
        await until(async () => {
          const again = await open();
          again.raw('{"id":1,"method":"ping"}\n');
          await again.next((message) => message.id !== undefined);
          return again.messages[0]?.result !== undefined;
        }, 10_000);
      }),
    limitMs,
  );

  test(
    "few descriptors: clients over what they allow are refused, and nothing spins",
    () =>
      withHome(async (home) => {
        const script = `ulimit -n 128; exec "$0" daemon start --foreground`;
        const program = process.env["LOOPR_TEST_PROGRAM"] ?? join(import.meta.dir, "../../dist/loopr");
        const daemon = home.spawn("sh", ["-c", script, program]);
        await until(() => daemon.stderr().includes("daemon ready"), 10_000);
        const clients = await Promise.all(
          Array.from({ length: 200 }, () => wire(join(home.dir, "daemon.sock"))),
        );
        await until(
          () => clients.filter((client) => client.messages[0]?.error?.code === 1005).length > 50,
          20_000,
        );
        for (const client of clients) client.close();
        await until(async () => (await home.loopr(["daemon", "status"])).code === 0, 10_000);
        await home.ok(["daemon", "stop"]);
      }),
    limitMs,
  );

  test(
    "100,000 pipelined pings are answered once each and in order",
    () =>
      withDaemon(async (open) => {
        const client = await open();
        const count = 100_000;
        let requests = "";
        for (let id = 1; id <= count; id++) requests += `{"id":${id},"method":"ping"}\n`;
        client.raw(requests);
        await until(() => client.messages.length === count, 30_000);
        expect(
          client.messages.every((message, index) => message.id === index + 1 && message.result !== undefined),
        ).toBe(true);
      }),
    limitMs,
  );

  test(
    "a client killed in the middle of a request leaves nothing behind",
    () =>
      withDaemon(async (open) => {
        for (let round = 0; round < 50; round++) {
          const client = await open();
          client.raw('{"id":1,"method":"subscribe"}\n{"id":2,"method":"sta');
          client.close();
        }
        const last = await open();
        await until(async () => {
          const { result } = await last.call("status");
          return (result as { clients: number }).clients === 1;
        }, 10_000);
      }),
    limitMs,
  );
});
