import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EventMessage } from "../protocol/messages.ts";
import { connect } from "./connect.ts";
import type { Client } from "./types.ts";

const limitMs = 20_000;

interface Request {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

/** A daemon of which the test decides what it answers and when it goes away. */
class ScriptedDaemon {
  readonly requests: Request[] = [];
  readonly sockets = new Set<Socket>();
  /** Answers that the test wants otherwise; undefined: the usual one. null: none at all. */
  answer: (request: Request, socket: Socket) => unknown = () => undefined;
  #server: Server | null = null;
  readonly #path: string;
  readonly nonce: string;

  constructor(path: string, nonce = "n1") {
    this.#path = path;
    this.nonce = nonce;
  }

  async listen(): Promise<this> {
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.sockets.delete(socket));
      let rest = "";
      socket.on("data", (chunk) => {
        const lines = (rest + chunk.toString()).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) this.#take(JSON.parse(line) as Request, socket);
      });
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#path, resolve));
    return this;
  }

  /** What `kill -9` looks like from the other end. */
  die(): void {
    this.#server?.close();
    rmSync(this.#path, { force: true });
    for (const socket of this.sockets) socket.destroy();
  }

  send(message: EventMessage): void {
    for (const socket of this.sockets) socket.write(JSON.stringify(message) + "\n");
  }

  sent(method: string): Request[] {
    return this.requests.filter((request) => request.method === method);
  }

  #take(request: Request, socket: Socket): void {
    this.requests.push(request);
    const scripted = this.answer(request, socket);
    if (scripted === null) return;
    const result = scripted ?? this.#usual(request.method);
    socket.write(JSON.stringify({ id: request.id, result }) + "\n");
  }

  #usual(method: string): unknown {
    if (method === "initialize") {
      return {
        version: "0.2.0",
        build: "b",
        protocol: "1.0",
        capabilities: { chat: false, loops: true, events: true },
        pid: process.pid,
        nonce: this.nonce,
        started_at: 1,
        home: dir,
      };
    }
    if (method === "subscribe") return { subscribed: true, seq: 10 };
    if (method === "ping") return { pong: true };
    if (method === "loop.list") return { loops: [] };
    return { cancelled: true };
  }
}

let dir = "";
let clients: Client[] = [];
let daemons: ScriptedDaemon[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-client-"));
});
afterEach(() => {
  for (const client of clients) client.close();
  for (const daemon of daemons) daemon.die();
  [clients, daemons] = [[], []];
  rmSync(dir, { recursive: true });
});

async function daemonUp(nonce?: string): Promise<ScriptedDaemon> {
  const daemon = await new ScriptedDaemon(join(dir, "daemon.sock"), nonce).listen();
  daemons.push(daemon);
  return daemon;
}

async function connected(
  env: Record<string, string> = {},
  reconnect = true,
  attend = { afterMs: 5, pingMs: 5_000 },
): Promise<Client> {
  const client = await connect({
    name: "test",
    autoStart: false,
    reconnect,
    attend,
    env: { LOOPR_HOME: dir, ...env },
  });
  clients.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("connecting", () => {
  test("brings the environment's keys and the current directory", async () => {
    const daemon = await daemonUp();
    const client = await connected({ ANTHROPIC_API_KEY: "sk", OPENAI_BASE_URL: "http://localhost:1" });
    expect(client.server.nonce).toBe("n1");
    expect(daemon.requests[0]?.params).toMatchObject({
      client: "test",
      cwd: process.cwd(),
      credentials: {
        anthropic: { api_key: "sk", base_url: null },
        openai: { api_key: "", base_url: "http://localhost:1" },
      },
    });
  });

  test("without a daemon, and not allowed to start one, says so", async () => {
    const failed = connected();
    expect(await failed.catch((error: unknown) => error)).toMatchObject({ code: "daemon_unreachable" });
  });

  test("a refusal is the daemon's, with its code and data", async () => {
    const daemon = await daemonUp();
    const client = await connected();
    daemon.answer = ({ id }, socket) => {
      const error = { code: 1001, message: "Loop not found: x", data: { reason: "gone" } };
      socket.write(JSON.stringify({ id, error }) + "\n");
      return null;
    };
    const refused = client.call("loop.cancel", { id: "x" });
    expect(await refused.catch((error: unknown) => error)).toMatchObject({
      code: 1001,
      message: "Loop not found: x",
      reason: "gone",
    });
  });

  test("an answer of the wrong shape is an error, and the next call works", async () => {
    const daemon = await daemonUp();
    const client = await connected();
    daemon.answer = ({ method }) => (method === "ping" ? { pong: "perhaps" } : undefined);
    const odd = client.call("ping", {});
    expect(await odd.catch((error: unknown) => error)).toMatchObject({ code: "not_a_daemon" });
    expect(await client.call("loop.list", {})).toEqual({ loops: [] });
  });

  test("a request is given up early where not even a ping is answered, and waited for where it is", async () => {
    const daemon = await daemonUp();
    const client = await connected({}, true, { afterMs: 5, pingMs: 50 });
    daemon.answer = ({ method }) => (method === "ping" ? undefined : null);
    const slow = client.call("loop.list", {});
    await until(() => daemon.sent("ping").length >= 3);
    daemon.answer = () => null;
    expect(await slow.catch((error: unknown) => error)).toMatchObject({
      code: "daemon_unresponsive",
      message: "the daemon did not answer `ping` within 0.05 s",
    });
  });

  test("a call that is not answered ends at its limit", async () => {
    const daemon = await daemonUp();
    const client = await connected();
    daemon.answer = () => null;
    const late = client.call("ping", {}, { timeoutMs: 50 });
    expect(await late.catch((error: unknown) => error)).toMatchObject({ code: "daemon_unresponsive" });
  });
});

describe("a lost connection", () => {
  test(
    "comes back, and the subscription goes on: each event once and in order",
    async () => {
      const first = await daemonUp();
      const client = await connected();
      const [seqs, states]: [(number | undefined)[], string[]] = [[], []];
      client.onEvent((event) => seqs.push(event.seq));
      client.onState((state) => states.push(state));
      expect(await client.subscribe({ loop_id: "1-a" })).toEqual({ seq: 10 });
      for (const seq of [11, 12, 12, 11, 13]) first.send({ event: "loop.updated", data: {}, seq });
      await until(() => seqs.length === 3);
      first.die();
      await until(() => client.state === "reconnecting");

      const second = new ScriptedDaemon(join(dir, "daemon.sock"), "n2");
      second.answer = ({ method, id }, socket) => {
        if (method !== "subscribe") return undefined;
        // The answer and the replay in one write, as the daemon does it.
        const replay = [13, 14, 15].map((seq) => ({ event: "loop.updated", data: {}, seq }));
        const lines = [{ id, result: { subscribed: true, seq: 15 } }, ...replay];
        socket.write(lines.map((line) => JSON.stringify(line) + "\n").join(""));
        return null;
      };
      daemons.push(await second.listen());
      await until(() => seqs.length === 5);
      expect(second.sent("subscribe")[0]?.params).toEqual({ since: 13, loop_id: "1-a" });
      expect(seqs).toEqual([11, 12, 13, 14, 15]);
      expect(client.server.nonce).toBe("n2");
      expect(states).toEqual(["reconnecting", "connected"]);
    },
    limitMs,
  );

  test(
    "to a daemon with another store: numbers start anew",
    async () => {
      const first = await daemonUp();
      const client = await connected();
      const seen: EventMessage[] = [];
      client.onEvent((event) => seen.push(event));
      await client.subscribe();
      first.die();
      const second = new ScriptedDaemon(join(dir, "daemon.sock"), "n2");
      second.answer = ({ method, id }, socket) => {
        if (method !== "subscribe") return undefined;
        const gap = { event: "stream.gap", data: { dropped: 0 } };
        const event = { event: "loop.created", data: {}, seq: 3 };
        const lines = [{ id, result: { subscribed: true, seq: 2 } }, gap, event];
        socket.write(lines.map((line) => JSON.stringify(line) + "\n").join(""));
        return null;
      };
      daemons.push(await second.listen());
      await until(() => seen.length === 2);
      expect(seen.map((event) => event.event)).toEqual(["stream.gap", "loop.created"]);
    },
    limitMs,
  );

  test(
    "a read in flight is made again; a write is not, and fails at once",
    async () => {
      const first = await daemonUp();
      const client = await connected();
      first.answer = () => null;
      const read = client.call("loop.list", {});
      const write = client.call("loop.cancel", { id: "1-a" });
      const outcome = write.catch((error: unknown) => error);
      await until(() => first.requests.length === 3);
      first.die();
      expect(await outcome).toMatchObject({ code: "connection_lost" });
      const second = await daemonUp("n2");
      expect(await read).toEqual({ loops: [] });
      expect(second.sent("loop.cancel")).toEqual([]);
    },
    limitMs,
  );

  test(
    "a call made meanwhile waits for the connection",
    async () => {
      const first = await daemonUp();
      const client = await connected();
      first.die();
      await until(() => client.state === "reconnecting");
      const call = client.call("loop.cancel", { id: "1-a" });
      await daemonUp("n2");
      expect(await call).toEqual({ cancelled: true });
    },
    limitMs,
  );

  test(
    "without `reconnect` is the end",
    async () => {
      const daemon = await daemonUp();
      const client = await connected({}, false);
      daemon.die();
      await until(() => client.state === "closed");
      const call = client.call("ping", {});
      expect(await call.catch((error: unknown) => error)).toMatchObject({ code: "connection_lost" });
    },
    limitMs,
  );

  test(
    "close() ends the coming back, and whoever waits for it",
    async () => {
      const daemon = await daemonUp();
      const client = await connected();
      daemon.die();
      await until(() => client.state === "reconnecting");
      const outcome = client.call("ping", {}).catch((error: unknown) => error);
      client.close();
      expect(await outcome).toMatchObject({ code: "connection_lost" });
      expect(client.state).toBe("closed");
    },
    limitMs,
  );
});
