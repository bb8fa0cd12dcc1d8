// The Unix sockets of the host, and those of a job itself, tried for real.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RunnerHost } from "../../src/daemon/runner-host.ts";
import type { JobRequest } from "../../src/engine/ports.ts";
import { bwrapMissing, makeHost, makePlace, runIn, runtime, until, type Place } from "./support.ts";

const limitMs = 60_000;
const jobsUnderChurn = 12;
/** More than a directory that is put together from its entries may have. */
const manyFiles = 200;

describe.skipIf(bwrapMissing)("Unix sockets", () => {
  let place: Place;
  /** Below no mask at all. */
  let open: string;
  let host: RunnerHost;
  const servers: Server[] = [];
  const programs: ChildProcess[] = [];

  beforeAll(() => {
    place = makePlace();
    const parent = existsSync("/var/lib") && process.getuid?.() === 0 ? "/var/lib" : homedir();
    open = realpathSync(mkdtempSync(join(parent, "loopr-sockets-")));
    host = makeHost(place);
  });
  afterAll(async () => {
    await host.stop();
    for (const server of servers) server.close();
    for (const program of programs) program.kill("SIGKILL");
    place.remove();
    rmSync(open, { recursive: true, force: true });
  });

  const js = (script: string, more: Partial<JobRequest> = {}) => {
    writeFileSync(join(place.worktree, "script.cjs"), script);
    return runIn(host, place, { command: `'${runtime.program}' script.cjs`, read: runtime.read, ...more });
  };
  const listen = (path: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const server = createServer((socket) => socket.end("secret"));
      server.on("error", reject);
      server.listen(path, resolve);
      servers.push(server);
    });
  /** A program of the host. It has begun when it has printed something. */
  const start = async (script: string, cwd: string): Promise<ChildProcess> => {
    const program = spawn(runtime.program, ["-e", script], { cwd, stdio: ["ignore", "pipe", "inherit"] });
    programs.push(program);
    await new Promise((resolve) => program.stdout?.once("data", resolve));
    return program;
  };
  const folder = (name: string): string => {
    mkdirSync(join(open, name));
    return join(open, name);
  };
  /** Connects to each path, when `begin` is there; prints what came of each. */
  const dialAll = (paths: string[], begin: string) => `
    const { existsSync, writeFileSync } = require("node:fs");
    const dial = (path) => new Promise((resolve) => {
      const socket = require("node:net").connect(path);
      socket.on("connect", () => { console.log(path, "CONNECTED"); resolve(); });
      socket.on("error", (error) => { console.log(path, error.code); resolve(); });
    });
    (async () => {
      writeFileSync("running", "");
      while (!existsSync(${JSON.stringify(begin)})) await new Promise((resolve) => setTimeout(resolve, 10));
      for (const path of ${JSON.stringify(paths)}) await dial(path);
      process.exit(0);
    })();`;

  test(
    "the model's commands have none, but talk to their children",
    async () => {
      const own = await js(
        `require("node:net").createServer().on("error", () => console.log("refused")).listen("own.sock", () => process.exit());`,
      );
      expect(own.output.trim()).toBe("refused");
      const child = await js(
        `const { fork, execFileSync } = require("node:child_process");
         if (process.send) { process.send("from the child"); return process.disconnect(); }
         console.log(execFileSync("echo", ["from echo"]).toString());
         fork(__filename).on("message", (text) => console.log(text));`,
      );
      expect(child.output).toContain("from echo");
      expect(child.output).toContain("from the child");
    },
    limitMs,
  );

  test(
    "a check has its own, in its worktree and its /tmp",
    async () => {
      for (const path of ["own.sock", "/tmp/own.sock", "\\0abstract"]) {
        const outcome = await js(
          `const net = require("node:net");
           const server = net.createServer((socket) => socket.end("hello"));
           server.listen("${path}", () => net.connect("${path}").on("data", (data) => { console.log(String(data)); process.exit(0); }));`,
          { unix_sockets: true },
        );
        expect([path, outcome.output.trim()]).toEqual([path, "hello"]);
      }
    },
    limitMs,
  );

  test(
    "of the host cannot be reached by other names, nor when they come while the job runs",
    async () => {
      const home = folder("names");
      for (const name of ["dir", "other"]) mkdirSync(join(home, name));
      writeFileSync(join(home, "dir", "file"), "content of a file\n");
      writeFileSync(join(home, "file"), "content beside a socket\n");
      symlinkSync("file", join(home, "to-file"));
      symlinkSync(home, join(open, "to-names"));
      await listen(join(home, "plain.sock"));
      linkSync(join(home, "plain.sock"), join(home, "hard.sock"));
      await listen(join(home, "first.sock"));
      renameSync(join(home, "first.sock"), join(home, "renamed.sock"));
      await listen(join(home, "sp ace.sock"));
      await start(
        `process.chdir(${JSON.stringify(join(home, "other"))}); require("node:net").createServer().listen("relative.sock", () => console.log("ready"))`,
        open,
      );
      const begin = join(place.worktree, "begin");
      const paths = ["plain", "hard", "renamed", "sp ace", "late", "other/relative"].map((name) =>
        join(home, `${name}.sock`),
      );
      paths.push(join(open, "to-names", "plain.sock"));
      const job = js(dialAll(paths, begin), { unix_sockets: true });
      await until("the job", () => existsSync(join(place.worktree, "running")));
      await listen(join(home, "late.sock"));
      writeFileSync(begin, "");
      const outcome = await job;
      expect(outcome.output.trim().split("\n")).toEqual(paths.map((path) => `${path} ENOENT`));
      const beside = await js(
        `const { execSync } = require("node:child_process");
         console.log(execSync("cat dir/file file to-file; ls; ! touch new 2>/dev/null", { cwd: ${JSON.stringify(home)} }).toString());`,
        { unix_sockets: true },
      );
      expect(beside.output.trim().split("\n")).toEqual([
        "content of a file",
        "content beside a socket",
        "content beside a socket",
        "dir",
        "file",
        "other",
        "to-file",
      ]);
    },
    limitMs,
  );

  test(
    "nor where a read-only mount shows their directory under another name",
    async () => {
      const tools = join(place.base, "tools");
      mkdirSync(tools);
      await listen(join(tools, "tool.sock"));
      symlinkSync(tools, join(place.base, "tools-link"));
      writeFileSync(join(place.worktree, "begin"), "");
      const paths = ["tools", "tools-link"].map((name) => join(place.base, name, "tool.sock"));
      const outcome = await js(dialAll(paths, join(place.worktree, "begin")), {
        unix_sockets: true,
        read: [...runtime.read, tools, join(place.base, "tools-link")],
      });
      expect(outcome.output.trim().split("\n")).toEqual(paths.map((path) => `${path} ENOENT`));
    },
    limitMs,
  );

  test(
    "in a home: its secrets stay hidden, its worktrees what they are",
    async () => {
      const whole = makePlace(open);
      for (const name of [".ssh", ".config/gh"]) {
        mkdirSync(join(whole.home, name), { recursive: true });
        writeFileSync(join(whole.home, name, "secret"), "PRIVATE");
      }
      writeFileSync(join(whole.home, ".netrc"), "PRIVATE");
      writeFileSync(join(whole.home, ".config", "settings"), "PUBLIC");
      writeFileSync(join(whole.dataDir, "loopr.db"), "PRIVATE");
      for (const directory of [whole.home, whole.base, join(whole.home, ".config")]) {
        await listen(join(directory, "s.sock"));
      }
      const outcome = await runIn(host, whole, {
        command:
          "echo x >written && cd ~ && find . -type s; cat .ssh/* .config/gh/* .netrc .loopr/* .config/settings",
        unix_sockets: true,
      });
      expect(outcome.output).toContain("PUBLIC");
      expect(outcome.output).not.toContain("PRIVATE");
      expect(outcome.output).not.toContain(".sock");
      expect(existsSync(join(whole.worktree, "written"))).toBe(true);
      expect(existsSync(join(whole.home, ".ssh", "secret"))).toBe(true);
    },
    limitMs,
  );

  test.each([
    ["in a directory of few files", 0, "s"],
    ["in a directory of many files", manyFiles, "s"],
    ["each in a directory of its own", 0, "s/s"],
    ["each in a directory of its own, among many files", manyFiles, "s/s"],
  ])(
    "that come and go %s fail no job",
    async (what, files, name) => {
      const home = folder(what.replaceAll(/\W/g, "-"));
      for (let n = 0; n < files; n++) writeFileSync(join(home, `file-${n}`), "");
      const churn = await start(
        `const fs = require("node:fs"), net = require("node:net"), path = require("node:path");
         let n = 0;
         (async () => {
           for (;;) {
             const file = "${name}".replaceAll("s", () => "s" + n++);
             fs.mkdirSync(path.dirname(file), { recursive: true });
             const server = net.createServer();
             await new Promise((resolve) => server.listen(file, resolve));
             if (n === 20) console.log("ready");
             await new Promise((resolve) => setTimeout(resolve, 5));
             await new Promise((resolve) => server.close(resolve));
             fs.rmSync(file.split("/")[0], { recursive: true, force: true });
           }
         })();`,
        home,
      );
      try {
        for (let n = 0; n < jobsUnderChurn; n++) {
          const outcome = await runIn(host, place, { command: "echo fine", unix_sockets: true });
          expect(outcome).toMatchObject({ status: "success", output: "fine\n" });
        }
      } finally {
        churn.kill("SIGKILL");
      }
    },
    limitMs,
  );

  test(
    "a sandbox that cannot be set up is an error that says that nothing has run",
    async () => {
      const other = makePlace();
      const programs = join(other.base, "bin");
      mkdirSync(programs);
      const asked = join(other.base, "asked");
      writeFileSync(
        join(programs, "bwrap"),
        `#!/bin/sh\necho x >>'${asked}'\necho "bwrap: Can't create file at /x: Read-only file system" >&2\nexit 1\n`,
      );
      chmodSync(join(programs, "bwrap"), 0o755);
      const path = process.env["PATH"] ?? "";
      process.env["PATH"] = `${programs}:${path}`;
      const broken = makeHost(other);
      try {
        const outcome = await runIn(broken, other, { command: "echo ran" });
        expect(outcome).toMatchObject({ status: "error", exit_code: null });
        expect(outcome.output).toContain("nothing of the job has run: bwrap: Can't create file at /x");
      } finally {
        process.env["PATH"] = path;
        await broken.stop();
        other.remove();
      }
    },
    limitMs,
  );
});
