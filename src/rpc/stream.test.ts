import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { openNodeStream, openStream } from "./stream.ts";

const limitMs = 20_000;
/** Far more than a socket's buffer holds. */
const longText = "0123456789abcdef".repeat(512 * 1024);

let dir = "";
let server: Server | null = null;
const sockets = new Set<Socket>();

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-stream-"));
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
  rmSync(dir, { recursive: true });
});

function listen(onConnection: (socket: Socket) => void): Promise<string> {
  const path = join(dir, "s.sock");
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  return new Promise((resolve) => server?.listen(path, () => resolve(path)));
}

const nothing = { onData: () => {}, onClose: () => {} };

describe.each([
  ["Bun's sockets", openStream],
  ["node:net", openNodeStream],
] as const)("by %s", (_name, open) => {
  test(
    "what is written arrives whole and in order, however slowly it is taken; the answer comes back",
    async () => {
      const path = await listen((socket) => {
        let received = "";
        socket.pause();
        setImmediate(() => socket.resume());
        socket.setEncoding("utf8").on("data", (text: string) => {
          received += text;
          if (received.endsWith("end")) socket.write(received === `start${longText}end` ? "whole" : "broken");
        });
      });
      const answer = Promise.withResolvers<string>();
      const stream = await open(path, {
        onData: (chunk) => answer.resolve(chunk.toString()),
        onClose: () => answer.reject(new Error("closed")),
      });
      for (const text of ["start", longText, "end"]) stream.write(text);
      expect(await answer.promise).toBe("whole");
      stream.close();
    },
    limitMs,
  );

  test(
    "an end by the other side is told once, and writing to it harms nobody",
    async () => {
      const path = await listen((socket) => socket.end("last words"));
      let said = "";
      const ends: string[] = [];
      const closed = Promise.withResolvers<void>();
      const stream = await open(path, {
        onData: (chunk) => (said += chunk.toString()),
        onClose: () => {
          ends.push("closed");
          closed.resolve();
        },
      });
      await closed.promise;
      stream.write("too late");
      stream.close();
      expect(said).toBe("last words");
      expect(ends).toEqual(["closed"]);
    },
    limitMs,
  );

  test(
    "closed by us, the other side sees it, and we are told nothing more",
    async () => {
      const gone = Promise.withResolvers<void>();
      const path = await listen((socket) => socket.on("close", () => gone.resolve()));
      const told: string[] = [];
      const stream = await open(path, { onData: () => told.push("data"), onClose: () => told.push("close") });
      stream.close();
      await gone.promise;
      expect(told).toEqual([]);
    },
    limitMs,
  );

  test(
    "where nobody listens it fails by the system's code",
    async () => {
      writeFileSync(join(dir, "file"), "");
      for (const [name, code] of [
        ["none", "ENOENT"],
        ["file", "ECONNREFUSED"],
      ] as const) {
        const failed = await open(join(dir, name), nothing).catch((error: unknown) => error);
        expect([name, systemCode(failed)]).toEqual([name, code]);
      }
    },
    limitMs,
  );
});
