// The yardstick: the least that a server of JSON lines can be, compiled in the same way as Loopr.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until, type Home } from "../support/harness.ts";

/**
 * Answers each line as a `ping`; `{"to_all":true}` goes to every connection as an event. Without a socket to
 * listen on it ends at once, which is the least that a command can cost.
 */
const source = `
import { createServer } from "node:net";
if (!process.argv[2]) process.exit(0);
const sockets = new Set();
createServer((socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => {});
  let rest = "";
  socket.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\\n");
    rest = lines.pop();
    let out = "";
    for (const line of lines) {
      const request = JSON.parse(line);
      if (request.to_all) for (const each of sockets) each.write(JSON.stringify({ event: "all", data: {} }) + "\\n");
      else out += JSON.stringify({ id: request.id, result: { pong: true } }) + "\\n";
    }
    if (out) socket.write(out);
  });
}).listen(process.argv[2]);
`;

export interface BareServer {
  /** The executable. */
  program: string;
  pid: number;
  socket: string;
  stop(): Promise<void>;
}

export async function startBareServer(home: Home): Promise<BareServer> {
  const [file, program, socket] = ["bare.ts", "bare", "bare.sock"].map((name) => join(home.root, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, source);
  const options = ["--compile", "--minify", "--bytecode", "--splitting", "--format=esm", "--sourcemap=none"];
  const built = spawnSync(process.execPath, ["build", file, ...options, "--outfile", program], {
    cwd: home.root,
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(`the bare server was not built: ${built.stdout}${built.stderr}`);
  // In a session of its own, as the daemon is: the kernel shares processors out by session.
  const child = spawn(program, [socket], { cwd: home.root, stdio: "ignore", detached: true });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  await until(() => existsSync(socket), 10_000, "the bare server to listen");
  return {
    program,
    pid: child.pid ?? 0,
    socket,
    stop: () => {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
