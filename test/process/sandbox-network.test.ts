// What a sandboxed job cannot reach, tried for real: the network, and the sockets of the host.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { RunnerHost } from "../../src/daemon/runner-host.ts";
import { bwrapMissing, makeHost, makePlace, runIn, runtime, uniqueNumber, type Place } from "./support.ts";

const limitMs = 60_000;

/** Connects from inside by what is certainly there: the runtime that runs this test. */
const dial = (options: object) =>
  `const s = require("node:net").connect(${JSON.stringify(options)}); ` +
  `s.on("connect", () => { console.log("CONNECTED"); process.exit(0); }); ` +
  `s.on("error", (e) => { console.log("refused", e.code); process.exit(7); }); ` +
  `setTimeout(() => { console.log("silence"); process.exit(8); }, 3000);`;

describe.skipIf(bwrapMissing)("a sandboxed job", () => {
  let place: Place;
  /** Outside of /tmp, so that what keeps a job out is not /tmp being hidden. */
  let outside: Place;
  let host: RunnerHost;
  const servers: Server[] = [];

  beforeAll(() => {
    place = makePlace();
    outside = makePlace(existsSync("/var/lib") && process.getuid?.() === 0 ? "/var/lib" : homedir());
    host = makeHost(place);
  });
  afterAll(async () => {
    await host.stop();
    for (const server of servers) server.close();
    place.remove();
    outside.remove();
  });

  const sh = (command: string, more = {}) =>
    runIn(host, place, { tool: "run_command", input: { command }, ...more });
  const js = (script: string, more = {}) =>
    sh(`'${runtime.program}' -e '${script}'`, { read: runtime.read, ...more });
  const listen = (options: object): Promise<Server> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.end("secret"));
      server.on("error", reject);
      server.listen(options, () => resolve(server));
      servers.push(server);
    });
  const portOf = (server: Server): number => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  };

  test(
    "reaches no network: IPv4, IPv6, UDP, DNS",
    async () => {
      const port = portOf(await listen({ host: "127.0.0.1", port: 0 }));
      const port6 = portOf(await listen({ host: "::1", port: 0 }));
      expect((await js(dial({ host: "127.0.0.1", port }))).output).toContain("refused");
      expect((await js(dial({ host: "::1", port: port6 }))).output).toContain("refused");
      const far = await js(dial({ host: "192.0.2.1", port: 80 }));
      expect(far.output).toContain("refused");
      const name = await js(dial({ host: "example.com", port: 80 }));
      expect(name.output).not.toContain("CONNECTED");
      expect(name.exit_code).not.toBe(0);

      const heard: string[] = [];
      const udp = createSocket("udp4");
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
      udp.on("message", (message) => heard.push(message.toString()));
      const send = (text: string) =>
        `require("node:dgram").createSocket("udp4").send("${text}", ${udp.address().port}, "127.0.0.1", () => process.exit(0))`;
      await js(send("from-inside"));
      // Sent after it, so that its arrival shows that the other is not merely on its way.
      const sender = createSocket("udp4");
      sender.send("from-outside", udp.address().port, "127.0.0.1");
      const deadline = performance.now() + 10_000;
      while (!heard.includes("from-outside") && performance.now() < deadline) await Bun.sleep(10);
      for (const socket of [udp, sender]) socket.close();
      expect(heard).toEqual(["from-outside"]);
    },
    limitMs,
  );

  test(
    "with network it reaches what the host reaches",
    async () => {
      const port = portOf(await listen({ host: "127.0.0.1", port: 0 }));
      const outcome = await js(dial({ host: "127.0.0.1", port }), { lane: "net", net: true });
      expect(outcome.output).toContain("CONNECTED");
    },
    limitMs,
  );

  test(
    "connects to no Unix socket of the host, wherever it is",
    async () => {
      const id = uniqueNumber();
      const candidates = [
        join(place.dataDir, "daemon.sock"),
        join(tmpdir(), `loopr-test-${id}.sock`),
        join(place.home, "agent.sock"),
        join(outside.dataDir, "daemon.sock"),
        join(outside.base, "elsewhere.sock"), // below no mask at all
        ...(process.getuid?.() === 0 ? [`/run/loopr-test-${id}.sock`] : []),
      ];
      for (const path of candidates) {
        await listen({ path });
        for (const [net, unix_sockets] of [
          [false, false],
          [false, true],
          [true, true],
        ] as const) {
          const outcome = await js(dial({ path }), { net, unix_sockets, lane: net ? "net" : "no-net" });
          expect([path, net, unix_sockets, outcome.exit_code]).toEqual([path, net, unix_sockets, 7]);
        }
      }
      await listen({ path: `\0loopr-abstract-${id}` });
      const abstract = await js(dial({ path: `@@loopr-abstract-${id}` }).replace("@@", "\\u0000"), {
        unix_sockets: true,
      });
      expect(abstract.output).toContain("refused");
    },
    limitMs,
  );
});
