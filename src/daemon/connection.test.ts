// One connection over a real socket, with handlers of which the test decides when they answer.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "../lib/log.ts";
import { Connection } from "./connection.ts";
import { createDispatch } from "./dispatch.ts";

const limitMs = 30_000;
const quiet = () => {};
const warnings: string[] = [];
const log: Log = {
  ...{ trace: quiet, debug: quiet, info: quiet, error: quiet },
  warn: (message) => warnings.push(message),
};

const bounds = { queueBytesMax: 100_000, answersBytesMax: 20_000, stallMs: 50 };

let dir = "";
let server: Server;
let accepted: Connection[] = [];
/** `metrics.get` waits for these, and answers with its number. */
let waiting: (() => void)[] = [];
let most = 0;
let clients: Socket[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "loopr-connection-"));
  [accepted, waiting, clients, most] = [[], [], [], 0];
  warnings.length = 0;
  const dispatch = createDispatch(
    {
      ping: () => ({ pong: true }),
      "metrics.get": async () => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return { done: true };
      },
    },
    log,
  );
  const counting: typeof dispatch = (text, caller) => {
    const answer = dispatch(text, caller);
    most = Math.max(most, waiting.length);
    return answer;
  };
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(new Connection({ id: accepted.length + 1, socket, dispatch: counting, log, ...bounds }));
  });
  await new Promise<void>((resolve) => server.listen(join(dir, "s"), resolve));
});

afterEach(() => {
  for (const client of clients) client.destroy();
  server.close();
  rmSync(dir, { recursive: true });
});

interface Client {
  socket: Socket;
  connection: Connection;
  ids: () => number[];
  isClosed: () => boolean;
}

async function open(): Promise<Client> {
  const socket = connect(join(dir, "s"));
  clients.push(socket);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  const connection = await until(() => accepted[clients.length - 1]);
  let [text, closed] = ["", false];
  socket.setEncoding("utf8").on("data", (more: string) => (text += more));
  socket.on("error", quiet).on("close", () => (closed = true));
  const ids = () =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { id: number }).id);
  return { socket, connection, ids, isClosed: () => closed };
}

async function until<T>(look: () => T): Promise<NonNullable<T>> {
  const deadline = Date.now() + limitMs / 2;
  for (;;) {
    const value = look();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${look.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const line = (id: number, method: string) => `${JSON.stringify({ id, method })}\n`;

describe("a connection", () => {
  test(
    "answers each request once, at once where it can, whatever is slow and however the bytes are cut",
    async () => {
      const scenario = fc.record({
        slow: fc.array(fc.boolean(), { maxLength: 40 }),
        places: fc.array(fc.nat(), { maxLength: 8 }),
        release: fc.array(fc.nat(), { maxLength: 40 }),
      });
      await fc.assert(
        fc.asyncProperty(scenario, async ({ slow, places, release }) => {
          waiting = [];
          const client = await open();
          const whole = slow.map((is, index) => line(index + 1, is ? "metrics.get" : "ping")).join("");
          const ends = [...places.map((place) => place % (whole.length + 1)), whole.length].sort(
            (a, b) => a - b,
          );
          for (const [index, end] of ends.entries()) {
            client.socket.write(whole.slice(ends[index - 1] ?? 0, end));
            await new Promise((resolve) => setImmediate(resolve));
          }
          const [fast, late] = [false, true].map((is) =>
            slow.flatMap((own, at) => (own === is ? at + 1 : [])),
          );
          await until(() => client.ids().length === fast?.length && waiting.length === late?.length);
          expect(client.ids()).toEqual(fast ?? []);
          for (let n = 0; waiting.length > 0; n++) {
            waiting.splice((release[n] ?? 0) % waiting.length, 1)[0]?.();
          }
          await until(() => client.ids().length === slow.length);
          expect(
            client
              .ids()
              .slice(fast?.length)
              .sort((a, b) => a - b),
          ).toEqual(late ?? []);
          client.socket.destroy();
          await client.connection.closed;
        }),
        { numRuns: 60 },
      );
    },
    limitMs,
  );

  test(
    "has a bound of requests under way: the further ones wait, and none is refused",
    async () => {
      const client = await open();
      const count = 3_000;
      client.socket.write(
        Array.from({ length: count }, (_, index) => line(index + 1, "metrics.get")).join(""),
      );
      await until(() => waiting.length === 1024);
      while (client.ids().length < count) {
        waiting.shift()?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(most).toBe(1024);
      expect(new Set(client.ids()).size).toBe(count);
      expect(client.isClosed()).toBe(false);
    },
    limitMs,
  );

  test(
    "ends a client that does not read the events that it is sent, at its bound",
    async () => {
      const client = await open();
      client.socket.pause();
      let sent = 0;
      while (!client.connection.isClosed) {
        client.connection.send({ event: "loop.output", data: "x".repeat(1_000) });
        if (++sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(sent).toBeGreaterThan(90); // at least the bound …
      expect(sent).toBeLessThan(2_000); // … and what the kernel keeps besides
      expect(warnings).toEqual(["a client that does not read was cut off"]);
      client.connection.send({ event: "loop.output", data: "to nobody" });
      await client.connection.closed;
    },
    limitMs,
  );

  test(
    "with more to read than lets its requests wait, and late in reading it, gets all answers",
    async () => {
      const client = await open();
      client.socket.pause();
      const filler = "x".repeat(1_000);
      // What the kernel keeps, and then half of the bound.
      while (client.connection.unreadBytes < bounds.queueBytesMax / 2) {
        client.connection.send({ event: "loop.output", data: filler });
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.socket.write(Array.from({ length: 100 }, (_, index) => line(index + 1, "metrics.get")).join(""));
      await until(() => waiting.length === 100); // Its time is over, and it is asked for no more patience.
      for (const release of waiting) release();
      client.socket.resume();
      await until(() => client.ids().filter((id) => id > 0).length === 100);
      expect(warnings).toEqual([]);
      expect(client.isClosed()).toBe(false);
    },
    limitMs,
  );

  test(
    "that asks without end and reads nothing is ended at its bound",
    async () => {
      const client = await open();
      client.socket.pause();
      const requests = line(1, "ping").repeat(1_000);
      while (!client.connection.isClosed) {
        client.socket.write(requests);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(warnings).toEqual(["a client that does not read was cut off"]);
    },
    limitMs,
  );

  test(
    "that is closed still delivers what was said, and hears nothing more",
    async () => {
      const client = await open();
      client.socket.pause();
      for (let id = 1; id <= 700; id++) client.connection.send({ id, result: "x".repeat(90) });
      client.connection.close();
      client.socket.write(line(7, "metrics.get"));
      client.socket.resume();
      await until(() => client.isClosed());
      expect(client.ids()).toHaveLength(700);
      expect(waiting).toEqual([]);
    },
    limitMs,
  );
});
