// Many requests, many events, slow and deaf readers: everyone gets what is theirs, and waits for nobody else.
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { until, withHome, type Home } from "../support/harness.ts";
import { wire, type Wire } from "../support/wire.ts";

const limitMs = 90_000;

interface Bed {
  home: Home;
  open: () => Promise<Wire>;
}

function withDaemon(body: (bed: Bed) => Promise<void>, env: Record<string, string> = {}): Promise<void> {
  return withHome(async (home) => {
    await home.ok(["daemon", "start"], { env });
    const pid = home.daemonPid();
    const clients: Wire[] = [];
    const open = async () => {
      const client = await wire(socketOf(home));
      clients.push(client);
      return client;
    };
    await body({ home, open });
    expect((await (await open()).call("ping")).result).toEqual({ pong: true });
    expect(home.daemonPid()).toBe(pid);
    for (const client of clients) client.close();
  });
}

/** Sends all at once, then reads with a pause after each piece. Resolves with the number of lines at the end. */
function linesReadSlowly(
  home: Home,
  text: string,
  options: { pauseMs: number; halfClose: boolean; wanted: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketOf(home), allowHalfOpen: true });
    let lines = 0;
    const timer = setTimeout(() => socket.destroy(), limitMs / 2);
    socket.on("data", (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 0x0a) lines++;
      if (!options.halfClose && lines === options.wanted) socket.destroy();
      socket.pause();
      setTimeout(() => socket.resume(), options.pauseMs);
    });
    socket.on("error", reject);
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(lines);
    });
    if (options.halfClose) socket.end(text);
    else socket.write(text);
  });
}

describe("a client that asks for more than its queue holds", () => {
  const status = '{"id":1,"method":"status"}\n';

  test(
    "and reads gets every answer",
    () =>
      withDaemon(async ({ home }) => {
        // Some 10 MB of answers, over twice the bound of the queue, to one write.
        const wanted = 60_000;
        const options = { pauseMs: 0, halfClose: false, wanted };
        expect(await linesReadSlowly(home, status.repeat(wanted), options)).toBe(wanted);
      }),
    limitMs,
  );

  test(
    "closes its writing half and takes its time, gets every answer, and the end",
    () =>
      withDaemon(async ({ home }) => {
        const wanted = 20_000;
        const options = { pauseMs: 100, halfClose: true, wanted };
        expect(await linesReadSlowly(home, status.repeat(wanted), options)).toBe(wanted);
      }),
    limitMs,
  );
});

describe("a request that takes its time", () => {
  test(
    "delays no other, of its own connection neither, and is answered when it is done",
    () =>
      withHome(async (home) => {
        const held = join(home.root, "held");
        const git = fakeGit(home, held);
        await home.ok(["daemon", "start"], { env: { PATH: git } });
        const [client, other] = [await wire(socketOf(home)), await wire(socketOf(home))];
        writeFileSync(held, "");
        // What may be a bare repository is git's to judge.
        mkdirSync(join(home.root, "objects"));
        writeFileSync(join(home.root, "HEAD"), "none\n");
        const slow = { method: "loop.list", params: { project: home.root } };
        for (let id = 100; id < 105; id++) client.raw(JSON.stringify({ id, ...slow }) + "\n");
        for (let round = 0; round < 50; round++) {
          expect((await client.call("ping")).result).toEqual({ pong: true });
          expect((await other.call("ping")).result).toEqual({ pong: true });
        }
        expect(client.messages.filter(({ id = 0 }) => id >= 100)).toEqual([]);
        // Who leaves in the meantime leaves nothing behind.
        other.raw(JSON.stringify({ id: 100, ...slow }) + "\n");
        other.close();
        rmSync(held);
        for (let id = 100; id < 105; id++) {
          const { error } = await client.next((message) => message.id === id);
          expect(error?.data?.["reason"]).toBe("repository_unusable");
        }
        await until(async () => (await status(client)).clients === 1, 10_000);
        client.close();
      }),
    limitMs,
  );
});

describe("events", () => {
  test(
    "go to those who have subscribed, for as long as they are, once each and in order",
    () =>
      withRun(async ({ open, change, id, lastSeq }) => {
        const [deaf, leaver, twice] = [await open(), await open(), await open()];
        const crowd = await Promise.all(Array.from({ length: 100 }, () => open()));
        const subscribe = async (client: Wire) =>
          ((await client.call("subscribe", {})).result as { seq: number }).seq;
        const from = new Map<Wire, number>();
        for (const client of [...crowd, leaver, twice]) from.set(client, await subscribe(client));
        await subscribe(twice);
        await change();
        await until(() => stored(leaver).length > 0, 10_000);
        await leaver.call("unsubscribe");
        const seen = leaver.messages.length;
        await change();
        const last = await lastSeq();
        await until(() => [...crowd, twice].every((client) => hasSeen(client, last)), 10_000);
        for (const client of [...crowd, twice]) {
          expect(stored(client)).toEqual(range((from.get(client) ?? 0) + 1, stored(client).at(-1) ?? 0));
        }
        // What was on its way has come: the answer to a ping is behind it.
        await Promise.all([deaf, leaver].map((client) => client.call("ping")));
        expect(deaf.messages.map((message) => message.event)).toEqual([undefined]);
        expect(leaver.messages.slice(seen).map((message) => message.event)).toEqual([undefined]);
        const about = crowd[0]?.messages.map(({ data }) => (data as { id?: string } | undefined)?.id);
        expect(about).toContain(id);
      }),
    limitMs,
  );

  test(
    "that were missed follow with `since`, and join those that happen meanwhile without gap or double",
    () =>
      withRun(async ({ open, change, lastSeq }) => {
        for (let round = 0; round < 20; round++) await change();
        const client = await open();
        const changing = (async () => {
          for (let round = 0; round < 20; round++) await change();
        })();
        const { result } = await client.call("subscribe", { since: 0 });
        expect(client.messages[0]?.id).toBe(1); // The answer comes before any event.
        expect((result as { seq: number }).seq).toBeGreaterThan(20);
        await changing;
        const last = await lastSeq();
        await until(() => hasSeen(client, last), 10_000);
        expect(stored(client)).toEqual(range(1, stored(client).at(-1) ?? 0));
        const middle = await open();
        await middle.call("subscribe", { since: last - 5 });
        await until(() => hasSeen(middle, last), 10_000);
        expect(stored(middle)).toEqual(range(last - 4, stored(middle).at(-1) ?? 0));
      }),
    limitMs,
  );

  test(
    "of another store's numbers: a gap is told, and what happens from now on follows",
    () =>
      withRun(async ({ open, change, lastSeq }) => {
        const client = await open();
        const { result } = await client.call("subscribe", { since: 1_000_000 });
        await client.next((message) => message.event === "stream.gap");
        await change();
        const last = await lastSeq();
        await until(() => hasSeen(client, last), 10_000);
        const { seq } = result as { seq: number };
        expect(stored(client)).toEqual(range(seq + 1, stored(client).at(-1) ?? 0));
        expect(client.messages.filter((message) => message.event === "stream.gap")).toHaveLength(1);
      }),
    limitMs,
  );

  test(
    "of one loop come alone where only they are wanted",
    () =>
      withRun(async ({ open, change, id, start }) => {
        const client = await open();
        await client.call("subscribe", { loop_id: id, since: 0 });
        const another = await start();
        await change();
        const events = () => client.messages.filter((message) => message.event?.startsWith("loop."));
        await until(() => events().length >= 4, 10_000);
        await client.call("ping");
        const ids = new Set(events().map(({ data }) => (data as { id: string }).id));
        expect([...ids]).toEqual([id]);
        expect(another).not.toBe(id);
      }),
    limitMs,
  );

  test(
    "wait for nobody: a subscriber that does not read is cut off, comes back, and has missed nothing stored",
    () =>
      withRun(async ({ home, open, lastSeq, start }) => {
        const [deaf, other] = [await open(), await open()];
        const { seq } = (await deaf.call("subscribe", {})).result as { seq: number };
        await other.call("subscribe", {});
        deaf.socket.pause();
        const turns = [{ tools: [{ name: "run_command", input: { command: flood } }] }, ...waiting];
        const floods = await Promise.all(Array.from({ length: 8 }, () => start(turns)));
        const log = join(home.dir, "logs/daemon.log");
        await until(() => readFileSync(log, "utf8").includes("was cut off"), 60_000, "the cut");
        deaf.socket.resume();
        await until(() => deaf.isClosed(), 10_000);
        const output = (client: Wire) =>
          client.messages.filter((message) => message.event === "loop.output").length;
        await until(() => output(other) > output(deaf), 10_000);
        expect(other.isClosed()).toBe(false);
        for (const flooding of floods) await other.call("loop.cancel", { id: flooding });

        const back = await open();
        await back.call("subscribe", { since: stored(deaf).at(-1) ?? seq });
        const last = await lastSeq();
        await until(() => ([...stored(deaf), ...stored(back)].at(-1) ?? seq) >= last, 10_000);
        const all = [...stored(deaf), ...stored(back)];
        expect(all).toEqual(range(seq + 1, all.at(-1) ?? seq));
      }),
    limitMs,
  );
});

/** As much live output as a job gets through, without end, and without a processor to itself. */
const flood = "while :; do head -c 20000 /dev/zero | tr '\\0' x; echo; sleep 0.05; done";

interface RunBed extends Bed {
  id: string;
  /** Pauses the run and resumes it: some stored events. */
  change: () => Promise<void>;
  /** Starts another run. Resolves with its id. */
  start: (turns?: object[]) => Promise<string>;
  lastSeq: () => Promise<number>;
}

const waiting = [{ text: "Done.", delay_ms: 600_000 }];

/** With a run that asks a model which takes its time. */
function withRun(body: (bed: RunBed) => Promise<void>): Promise<void> {
  return withDaemon(async ({ home, open }) => {
    let scripts = 0;
    const control = await open();
    const ok = async (method: string, params: unknown) => {
      const { result, error } = await control.call(method, params);
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    };
    const project = home.repository().dir;
    const start = async (turns: object[] = waiting) => {
      const script = join(home.root, `script-${++scripts}.json`);
      writeFileSync(script, JSON.stringify({ entries: [{ turns }] }));
      const options = { script, check: "true", sandbox: "none", levels: "code" };
      const plan = { description: "wait", project, options };
      return ((await ok("loop.create_plan", plan)) as { id: string }).id;
    };
    const id = await start();
    const statusOf = async () => ((await ok("loop.get", { id })) as { loop: { status: string } }).loop.status;
    const running = () => until(async () => (await statusOf()) === "running", 10_000, "the run to run");
    await running();
    await body({
      home,
      open,
      id,
      start,
      change: async () => {
        await ok("loop.pause", { id });
        await ok("loop.resume", { id });
        await running();
      },
      lastSeq: async () => {
        const client = await open();
        const { result } = await client.call("subscribe", {});
        client.close();
        return (result as { seq: number }).seq;
      },
    });
    await ok("loop.cancel", { id });
  });
}

/** Numbers of the stored events that a client has got. */
function stored(client: Wire): number[] {
  return client.messages.flatMap(({ seq }) => seq ?? []);
}

/** Whether all up to `last` has come. More may have: a run goes on by itself between two changes. */
function hasSeen(client: Wire, last: number): boolean {
  return (stored(client).at(-1) ?? 0) >= last;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

async function status(client: Wire): Promise<{ clients: number }> {
  return (await client.call("status")).result as { clients: number };
}

function socketOf(home: Home): string {
  return join(home.dir, "daemon.sock");
}

/** A PATH on which git waits for as long as the file `held` is there. */
function fakeGit(home: Home, held: string): string {
  const dir = join(home.root, "bin");
  mkdirSync(dir);
  const path = home.env["PATH"] ?? "";
  const script = `#!/bin/sh\nwhile [ -e '${held}' ]; do sleep 0.05; done\nPATH='${path}' exec git "$@"\n`;
  writeFileSync(join(dir, "git"), script);
  chmodSync(join(dir, "git"), 0o755);
  return `${dir}:${path}`;
}
