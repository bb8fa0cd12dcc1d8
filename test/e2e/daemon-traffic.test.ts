// Many requests, many events, slow and deaf readers: everyone gets what is theirs, and waits for nobody else.
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { withHome, type Home } from "../support/harness.ts";
import { wire, type Wire } from "../support/wire.ts";

const limitMs = 90_000;

interface Bed {
  home: Home;
  open(): Promise<Wire>;
}

function withDaemon(body: (bed: Bed) => Promise<void>, env: Record<string, string> = {}): Promise<void> {
  return withHome(async (home) => {
    await home.ok(["daemon", "start"], { env });
    const pid = home.daemonPid();
    const clients: Wire[] = [];
    const open = async () => {
      const client = await wire(join(home.dir, "daemon.sock"));
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
    const socket = connect({ path: join(home.dir, "daemon.sock"), allowHalfOpen: true });
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
