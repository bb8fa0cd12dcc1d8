// What a sandboxed job cannot do to files and processes, tried for real: each item was once possible, or is
// with one option less.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RunnerHost } from "../../src/daemon/runner-host.ts";
import { bwrapMissing, jobIn, makeHost, makePlace, runIn, type Place } from "./support.ts";

const limitMs = 60_000;

describe.skipIf(bwrapMissing)("a sandboxed job", () => {
  let place: Place;
  /** Outside of /tmp, so that what keeps a job out is not /tmp being hidden. */
  let outside: Place;
  let host: RunnerHost;

  beforeAll(() => {
    place = makePlace();
    outside = makePlace(existsSync("/var/lib") && process.getuid?.() === 0 ? "/var/lib" : homedir());
    host = makeHost(place);
  });
  afterAll(async () => {
    await host.stop();
    place.remove();
    outside.remove();
  });

  const sh = (command: string, more = {}) =>
    runIn(host, place, { tool: "run_command", input: { command }, ...more });
  const shOutside = (command: string, more = {}) => runIn(host, outside, { command, ...more });

  test(
    "runs: exit code, both streams, working directory, environment",
    async () => {
      const outcome = await sh(
        'echo out; echo err >&2; echo dev >/dev/stderr; pwd; echo "$PWD $TMPDIR $FOO"; exit 3',
        {
          env: { PATH: "/usr/bin:/bin", FOO: "bär\nx" },
        },
      );
      expect(outcome).toMatchObject({ status: "failed", exit_code: 3, truncated: false });
      for (const text of [
        "out\n",
        "err\n",
        "dev\n",
        `${place.worktree}\n`,
        `${place.worktree} /tmp bär\nx`,
      ]) {
        expect(outcome.output).toContain(text);
      }
    },
    limitMs,
  );

  test(
    "has the environment it was given, and nothing else",
    async () => {
      process.env["ANTHROPIC_API_KEY"] = "sk-of-the-daemon";
      try {
        const outcome = await sh("env; cat /proc/*/environ | tr '\\0' '\\n'", {
          env: { PATH: "/usr/bin:/bin", A: "1" },
        });
        expect(outcome.status).toBe("success");
        expect(outcome.output).not.toContain("sk-of-the-daemon");
        const env = await sh("env", { env: { PATH: "/usr/bin:/bin", A: "1" } });
        const names = env.output
          .trim()
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort();
        expect(names.filter((name) => name !== "_")).toEqual(["A", "HOME", "PATH", "PWD", "TMPDIR"]);
      } finally {
        delete process.env["ANTHROPIC_API_KEY"];
      }
    },
    limitMs,
  );

  test(
    "126 and 127 mean what they mean to the shell",
    async () => {
      writeFileSync(join(place.worktree, "plain.txt"), "no program");
      expect((await sh("./plain.txt")).exit_code).toBe(126);
      expect((await sh("no-such-program-here")).exit_code).toBe(127);
      expect((await sh("kill -9 $$")).exit_code).toBe(137);
    },
    limitMs,
  );

  test(
    "reads no secret: directories are empty, files too, whatever links lead to them",
    async () => {
      mkdirSync(join(outside.home, ".ssh"), { recursive: true });
      writeFileSync(join(outside.home, ".ssh", "id_ed25519"), "PRIVATE");
      writeFileSync(join(outside.home, ".netrc"), "PRIVATE");
      mkdirSync(join(outside.base, "vault"), { recursive: true });
      writeFileSync(join(outside.base, "vault", "credentials"), "PRIVATE");
      symlinkSync(join(outside.base, "vault"), join(outside.home, ".aws"));
      writeFileSync(join(outside.dataDir, "loopr.db"), "PRIVATE");
      mkdirSync(join(outside.home, ".composer"));
      writeFileSync(join(outside.home, ".composer", "auth.json"), `"PRIVATE"`);
      writeFileSync(join(outside.base, "not-secret"), "PUBLIC");
      symlinkSync(join(outside.home, ".ssh", "id_ed25519"), join(outside.worktree, "key"));
      const outcome = await shOutside(
        `cd '${outside.base}'; cat home/.ssh/id_ed25519 home/.aws/credentials vault/credentials home/.loopr/loopr.db '${outside.worktree}/key'; cat home/.netrc not-secret; ls -A home/.ssh; [ -f home/.netrc ] && echo is-file`,
      );
      expect(outcome.output).not.toContain("PRIVATE");
      expect(outcome.output).toContain("PUBLIC");
      expect(outcome.output).toContain("is-file");
      const json = await shOutside(`cat '${outside.home}/.composer/auth.json'`);
      expect(json.output).toBe("{}\n");
    },
    limitMs,
  );

  test(
    "writes to its worktree, its own /tmp and what it was given; nowhere else",
    async () => {
      const cache = join(outside.dataDir, "cache", "go build");
      const common = join(outside.dataDir, "projects", "p", "repo.git");
      mkdirSync(common, { recursive: true });
      writeFileSync(join(outside.worktree, ".git"), "gitdir: somewhere\n");
      const tries = [
        ["worktree", `'${outside.worktree}/a'`, true],
        ["tmp", "/tmp/a", true],
        ["cache", `'${cache}/a'`, true],
        ["common git directory", `'${common}/a'`, false],
        [".git", `'${outside.worktree}/.git'`, false],
        ["home", `'${outside.home}/a'`, false],
        ["a secret's place", `'${outside.home}/.ssh/a'`, false],
        ["home of Loopr", `'${outside.dataDir}/a'`, false],
        ["/etc", "/etc/loopr-test", false],
        ["/run", "/run/loopr-test", false],
        ["/", "/loopr-test", false],
        ["/proc/sys", "/proc/sys/kernel/hostname", false],
        ["/sys", "/sys/kernel/mm/ksm/run", false],
      ] as const;
      mkdirSync(join(outside.home, ".ssh"), { recursive: true });
      for (const [what, path, allowed] of tries) {
        const outcome = await shOutside(`echo x > ${path}`, { write: [cache], read: [common] });
        expect([what, outcome.status]).toEqual([what, allowed ? "success" : "failed"]);
      }
      expect(readFileSync(join(cache, "a"), "utf8")).toBe("x\n");
      expect(existsSync("/tmp/a")).toBe(false);
      // As root this would be a way out: the kernel runs that program outside of every sandbox.
      const pattern = await shOutside(
        'p=$(cat /proc/sys/kernel/core_pattern) && echo "$p" > /proc/sys/kernel/core_pattern',
      );
      expect(pattern.status).toBe("failed");
      const moved = await shOutside("mv .git moved || rm -f .git; ls -A");
      expect(moved.output).toContain(".git");
      expect(readFileSync(join(outside.worktree, ".git"), "utf8")).toBe("gitdir: somewhere\n");
      rmSync(join(outside.worktree, ".git"));
    },
    limitMs,
  );

  test(
    "what it was given to read below a mask is there, read-only",
    async () => {
      const tools = join(place.base, "tools");
      mkdirSync(tools);
      writeFileSync(join(tools, "hello"), "#!/bin/sh\necho hello from below /tmp\n");
      chmodSync(join(tools, "hello"), 0o755);
      symlinkSync(tools, join(place.base, "link"));
      const env = { PATH: `${join(place.base, "link")}:/usr/bin:/bin` };
      expect((await sh("hello", { env })).exit_code).toBe(127);
      const outcome = await sh(`hello && ! echo x > '${tools}/x'`, {
        env,
        read: [join(place.base, "link"), "/tmp"],
      });
      expect(outcome).toMatchObject({ status: "success", exit_code: 0 });
      expect(outcome.output).toContain("hello from below /tmp");
      // `/tmp` itself among them does not bring the host's back.
      expect((await sh(`ls /tmp`, { read: ["/tmp"] })).output).not.toContain("home");
    },
    limitMs,
  );

  test(
    "remounts nothing, as root either, in a namespace of its own neither",
    async () => {
      for (const command of [
        "mount -o remount,rw /",
        "mount -o remount,bind,rw /",
        "umount /run",
        "mount -t tmpfs none /etc",
        `umount '${outside.dataDir}'`,
        "unshare -Urm sh -c 'mount -o remount,bind,rw / && touch /loopr-test'",
        `unshare -Urm umount '${outside.dataDir}'`,
        `nsenter -t 1 -m touch /loopr-test`,
      ]) {
        const outcome = await shOutside(command);
        expect([command, outcome.status]).toEqual([command, "failed"]);
      }
      expect(existsSync("/loopr-test")).toBe(false);
      const caps = await shOutside("grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status");
      expect(caps.output.match(/	0{16}$/gm)).toHaveLength(5);
    },
    limitMs,
  );

  test(
    "sees no process but its own, and can signal none",
    async () => {
      const outcome = await sh(`ls /proc | grep -E '^[0-9]+$' | wc -l; kill -0 ${process.pid} && echo ALIVE`);
      expect(Number(outcome.output.split("\n")[0])).toBeLessThan(10);
      expect(outcome.output).not.toContain("ALIVE");
    },
    limitMs,
  );

  test(
    "LD_PRELOAD of a project is loaded inside, if at all",
    async () => {
      // Were the environment given to bubblewrap, the loader would complain there, outside.
      const outcome = await sh("echo fine", {
        env: { PATH: "/usr/bin:/bin", LD_PRELOAD: "./evil.so", LD_DEBUG: "files" },
      });
      expect(outcome.output).toContain("fine");
      expect(outcome.output).not.toContain("bwrap");
    },
    limitMs,
  );

  test(
    "no option of bubblewrap can be smuggled in",
    async () => {
      const nul = await sh("true", { env: { PATH: "/usr/bin", X: "a\0--bind\0/\0/" } });
      expect(nul).toMatchObject({ status: "error", exit_code: null });
      expect(nul.output).toContain("NUL");
      const dashes = await runIn(host, place, { command: "--bind / / --help" });
      expect(dashes.exit_code).not.toBe(0);
    },
    limitMs,
  );

  test(
    "does not start where a directory was replaced by a link",
    async () => {
      const cases = makePlace();
      try {
        const cache = join(cases.dataDir, "cache");
        symlinkSync(outside.home, cache);
        const linked = await host.run(
          jobIn(cases, { command: "true", write: [cache] }),
          new AbortController().signal,
        );
        expect(linked.status).toBe("error");
        expect(linked.output).toContain("symbolic link");
        rmSync(cases.worktree, { recursive: true });
        symlinkSync(outside.home, cases.worktree);
        for (const job of [{ command: "true" }, { tool: "read_file", input: { path: "x" } } as const]) {
          const replaced = await host.run(jobIn(cases, job), new AbortController().signal);
          expect(replaced.status).toBe("error");
          expect(replaced.output).toContain("replaced by a link");
        }
      } finally {
        cases.remove();
      }
    },
    limitMs,
  );

  test(
    "a working directory outside of the worktree is refused",
    async () => {
      for (const cwd of ["/etc", place.home, join(place.worktree, "..")]) {
        const outcome = await sh("pwd", { cwd });
        expect([cwd, outcome.status]).toEqual([cwd, "failed"]);
        expect(outcome.output).toContain("leads out of the worktree");
      }
    },
    limitMs,
  );

  test(
    "a file that a job makes is as readable as one from a shell",
    async () => {
      const outcome = await sh("umask");
      expect(outcome.output.trim()).toBe("0022");
    },
    limitMs,
  );
});
