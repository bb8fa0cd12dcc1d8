import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fallbackSocketPath } from "../lib/paths.ts";
import { remainsOf } from "./post-mortem.ts";

let dataDir: string;
let socketPath: string;
let server: Server | null = null;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "loopr-t-"));
  socketPath = join(dataDir, "daemon.sock");
});
afterEach(() => {
  server?.close();
  server = null;
  rmSync(dataDir, { recursive: true, force: true });
});
const remains = () => remainsOf({ dataDir, socketPath, pidPath: join(dataDir, "daemon.pid") });

test.each<[string, () => void]>([
  ["nothing", () => {}],
  ["a file", () => writeFileSync(socketPath, "x")],
  ["a directory", () => mkdirSync(socketPath)],
  ["a link to something else", () => symlinkSync("/etc/hosts", socketPath)],
])("%s in the socket's place is nothing that a daemon has left", (_what, make) => {
  make();
  expect(remains()).toEqual({ kind: "none" });
});

test("a socket, and our link to one, are", async () => {
  symlinkSync(fallbackSocketPath(socketPath), socketPath);
  expect(remains()).toMatchObject({ kind: "stale", files: [socketPath] });
  rmSync(socketPath);
  server = createServer();
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
  expect(remains()).toMatchObject({ kind: "stale", files: [socketPath] });
});
