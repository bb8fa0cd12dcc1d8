// Programs of Loopr's shape: a command that starts a server where there is none, and asks it.
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, until, type Home, type RunOptions } from "../support/harness.ts";
import { samplesOf, timed } from "./measure.ts";

const coldSamples = 7;
const warmSamples = 20;
const endDeadlineMs = 10_000;

export interface Rival {
  name: string;
  /** Milliseconds from no server to an answer, and of a command that a running one answers. */
  cold: number[];
  warm: number[];
  serverPid: number;
  stop(): Promise<unknown>;
}

interface Commands {
  program: string;
  start: string[];
  ask: string[];
  stop: string[];
  pid: (ask: (args: string[]) => Promise<string>) => Promise<number>;
  options?: RunOptions;
}

/** Those that are installed and work here, each with its server running; the others are named in one line. */
export async function rivals(home: Home): Promise<Rival[]> {
  const found: Rival[] = [];
  const missing: string[] = [];
  for (const commands of [tmux(home), watchman(home), pm2(home), nx(home)]) {
    try {
      found.push(await measured(home, commands));
    } catch (error) {
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      missing.push(isAbsent ? commands.program : `${commands.program} (it does not work: ${String(error)})`);
    }
  }
  if (missing.length > 0) console.log(`not installed here: ${missing.join(", ")}`);
  return found;
}

async function measured(home: Home, commands: Commands): Promise<Rival> {
  const { program, options } = commands;
  const run = async (args: string[]) => {
    const { code, stdout, stderr } = await home.exec(program, args, options);
    if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  const start = async () => {
    const took = await timed(() => run(commands.start));
    return { took, pid: await commands.pid(run) };
  };
  // The next start must not meet a server that is on its way out.
  const stop = async (pid: number) => {
    await run(commands.stop);
    await until(() => !isAlive(pid), endDeadlineMs, `the end of ${program}'s server`);
  };
  const cold = await samplesOf(coldSamples, async () => {
    const { took, pid } = await start();
    await stop(pid);
    return took;
  });
  const { pid } = await start();
  const warm = await samplesOf(warmSamples, () => timed(() => run(commands.ask)));
  return { name: program, cold, warm, serverPid: pid, stop: () => stop(pid) };
}

function tmux(home: Home): Commands {
  const own = ["-f", "/dev/null", "-S", join(home.root, "rival-tmux")];
  return {
    program: "tmux",
    start: [...own, "new-session", "-d", "sleep 3600"],
    ask: [...own, "list-sessions"],
    stop: [...own, "kill-server"],
    pid: async (ask) => Number(await ask([...own, "display-message", "-p", "#{pid}"])),
  };
}

function watchman(home: Home): Commands {
  const dir = join(home.root, "rival-watchman");
  mkdirSync(dir, { mode: 0o700 });
  const files = [`--unix-listener-path=${dir}/sock`, `--pidfile=${dir}/pid`];
  const own = [...files, `--logfile=${dir}/log`, `--statefile=${dir}/state`];
  return {
    program: "watchman",
    start: [...own, "get-pid"],
    ask: [...own, "get-pid"],
    stop: [...own, "shutdown-server"],
    pid: async () => Number(readFileSync(join(dir, "pid"), "utf8")),
  };
}

function pm2(home: Home): Commands {
  const dir = join(home.root, "rival-pm2");
  return {
    program: "pm2",
    start: ["ping"],
    ask: ["ping"],
    stop: ["kill"],
    pid: async () => Number(readFileSync(join(dir, "pm2.pid"), "utf8")),
    options: { env: { PM2_HOME: dir } },
  };
}

function nx(home: Home): Commands {
  const dir = join(home.root, "rival-nx");
  mkdirSync(dir);
  writeFileSync(join(dir, "package.json"), '{"name":"rival","private":true}');
  writeFileSync(join(dir, "nx.json"), "{}");
  // It serves only a workspace that has it installed.
  const installed = Bun.which("nx");
  const modules = installed && /^(.*\/node_modules)\//.exec(realpathSync(installed))?.[1];
  if (modules) symlinkSync(modules, join(dir, "node_modules"));
  return {
    program: "nx",
    start: ["daemon", "--start"],
    ask: ["daemon"],
    stop: ["daemon", "--stop"],
    pid: async (ask) => Number(/Process ID: (\d+)/.exec(await ask(["daemon"]))?.[1]),
    options: { cwd: dir, env: { NX_INTERACTIVE: "false" } },
  };
}
