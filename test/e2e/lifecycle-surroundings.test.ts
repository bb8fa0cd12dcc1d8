// What happens around the daemon: to its disk, its clock, its paths, its program and its work. See
// lifecycle-faults.test.ts.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expectWhole, limitMs, table } from "../support/faults.ts";
import { commandLine, program, signal, until, type Home } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, withRuns } from "../support/runs.ts";

/** A home below a file system of its own, which only the given script sees. */
function mounted(home: Home, options: string, script: string) {
  mkdirSync(home.dir, { recursive: true, mode: 0o700 });
  const mount = `mount -t tmpfs -o ${options},mode=700 none '${home.dir}'`;
  return home.exec(
    "unshare",
    ["-m", "sh", "-c", `${mount} || exit 99; L='${program}'; D='${home.dir}'; ${script}`],
    {
      deadlineMs: 45_000,
    },
  );
}

const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/** Runs the program as a user that is not root, in a home that is theirs. */
async function byNobody(home: Home, args: string[]) {
  chmodSync(home.root, 0o755);
  chmodSync(home.userHome, 0o755);
  chownSync(home.userHome, 65534, 65534);
  return home.exec("setpriv", [...asNobody, program, ...args], { deadlineMs: 20_000 });
}

table("what is on disk", [
  {
    name: "a disk that fills up",
    provoked: "a small tmpfs is filled while the daemon runs",
    seen: "it answers and stops; doctor and a start say why; with room again it starts",
    root: true,
    run: async (home) => {
      const result = await mounted(
        home,
        "size=2m",
        `$L daemon start || exit 1
         head -c 3000000 /dev/zero > $D/fill 2>/dev/null
         $L list --all-projects >/dev/null || exit 2
         $L daemon status --json || exit 3
         $L doctor > $D/../doctor
         $L daemon stop || exit 4
         head -c 3000000 /dev/zero > $D/fill2 2>/dev/null
         $L daemon start > $D/../full 2>&1 && exit 5
         rm $D/fill $D/fill2
         $L daemon start || exit 6
         $L daemon stop || exit 7`,
      );
      expect(result).toMatchObject({ code: 0 });
      expect(result.stdout).toContain('"state":"running"');
      expect(readFileSync(join(home.userHome, "full"), "utf8")).toMatch(/^error: .*the disk is full/);
      expect(readFileSync(join(home.userHome, "doctor"), "utf8")).toMatch(
        /^fail +disk space .*\n +→ free some space/m,
      );
    },
  },
  {
    name: "a file system without inodes",
    provoked: "a tmpfs that takes six files",
    seen: "start and doctor say that it takes no more files",
    root: true,
    run: async (home) => {
      const script = "$L daemon start > $D/../full 2>&1; $L doctor > $D/../doctor; exit 0";
      expect(await mounted(home, "nr_inodes=6", script)).toMatchObject({ code: 0 });
      expect(readFileSync(join(home.userHome, "full"), "utf8")).toMatch(
        /^error: .*no room left for the store .*: its file system takes no more files \(no inodes\)/,
      );
      expect(readFileSync(join(home.userHome, "doctor"), "utf8")).toMatch(
        /^fail +disk space .*room for \d+ more files \(inodes\).*\n +→ remove files/m,
      );
    },
  },
  {
    name: "a disk that is nearly full",
    provoked: "a small tmpfs",
    seen: "doctor warns, with the space that is left and what to do; everything works",
    root: true,
    run: async (home) => {
      const doctored = "$L doctor > $D/../doctor; $L daemon start || exit 1; $L daemon stop";
      expect(await mounted(home, "size=300m", doctored)).toMatchObject({ code: 0 });
      expect(readFileSync(join(home.userHome, "doctor"), "utf8")).toMatch(
        /^warn +disk space +\d+ MB free\n +→ free some space/m,
      );
    },
  },
  {
    name: "a file system that becomes read-only under the daemon",
    provoked: "an ext4 of its own whose driver reports an error",
    seen: "the daemon answers, says what it could not store, and stops; a start says why it cannot",
    root: true,
    run: async (home) => {
      const repository = home.repository();
      const disk = join(home.root, "disk");
      mkdirSync(home.dir, { recursive: true, mode: 0o700 });
      const script = `
        truncate -s 64M '${disk}' && mkfs.ext4 -q -F '${disk}' || exit 99
        mount -o loop,errors=remount-ro '${disk}' '${home.dir}' && chmod 700 '${home.dir}' || exit 99
        device=$(basename $(findmnt -no SOURCE '${home.dir}'))
        [ -w /sys/fs/ext4/$device/trigger_fs_error ] || exit 99
        L='${program}'
        $L daemon start || exit 1
        $L plan --check true First || exit 2
        echo 1 > /sys/fs/ext4/$device/trigger_fs_error
        touch '${home.dir}/x' 2>/dev/null && exit 98
        $L list --all-projects || exit 3
        $L daemon status || exit 4
        $L plan --check true Second; [ $? -eq 1 ] || exit 5
        $L list --all-projects --json || exit 6
        $L daemon stop || exit 7
        $L daemon start; [ $? -eq 4 ] || exit 8`;
      const env = { ANTHROPIC_API_KEY: "sk", ANTHROPIC_BASE_URL: "http://127.0.0.1:1" };
      const options = { cwd: repository.dir, env, deadlineMs: 45_000 };
      const result = await home.exec("unshare", ["-m", "sh", "-c", script], options);
      if (result.code === 99) {
        console.error(`SKIPPED: no ext4 can be mounted here: ${result.stderr}`);
        return;
      }
      expect([result.code, result.stderr]).toEqual([0, expect.any(String) as string]);
      expect(result.stderr).toMatch(/^error: The store \S+loopr\.db failed: /m);
      expect(result.stderr).toMatch(/^error: .*the file system is read-only\n {2}hint: set LOOPR_HOME/m);
      const listed = result.stdout.split("\n").find((line) => line.startsWith("{")) ?? "";
      const { loops } = JSON.parse(listed) as { loops: { title: string }[] };
      expect(loops).toHaveLength(1);
    },
  },
  {
    name: "a file system that becomes read-only",
    provoked: "remounted between a stop and a start",
    seen: "start and doctor say so; status and stop work; writable again, it starts",
    root: true,
    run: async (home) => {
      const result = await mounted(
        home,
        "size=8m",
        `$L daemon start && $L daemon stop || exit 1
         mount -o remount,ro $D || exit 98
         $L daemon status; [ $? -eq 3 ] || exit 2
         $L doctor > $D/../doctor
         $L daemon stop || exit 3
         $L daemon start 2>&1 && exit 4
         mount -o remount,rw $D && $L daemon start && $L daemon stop || exit 5`,
      );
      expect(result).toMatchObject({ code: 0 });
      expect(result.stdout).toContain("the file system is read-only");
      expect(readFileSync(join(home.userHome, "doctor"), "utf8")).toMatch(
        /^fail +home .*cannot be written to\n +→ set LOOPR_HOME/m,
      );
    },
  },
  {
    name: "a home that is closed to its owner",
    provoked: "modes 000 and 0500, as a user that is not root",
    seen: "one line with the path and the LOOPR_HOME hint, from every command that needs it, and from doctor",
    root: true,
    run: async (home) => {
      mkdirSync(home.dir);
      chownSync(home.dir, 65534, 65534);
      for (const mode of [0o000, 0o500]) {
        chmodSync(home.dir, mode);
        for (const args of [["daemon", "start"], ["list"]]) {
          const result = await byNobody(home, args);
          expect(result.code).toBe(4);
          expect(result.stderr).toMatch(/^error: .*\n {2}hint: .*LOOPR_HOME.*\n$/);
          expect(result.stderr).toContain(home.dir);
        }
        const doctor = await byNobody(home, ["doctor"]);
        expect(doctor.stdout).toMatch(/^fail +home .*\n +→ set LOOPR_HOME/m);
      }
      chmodSync(home.dir, 0o700);
    },
  },
  {
    name: "no home directory at all",
    provoked: "a user that is but a number, without HOME",
    seen: "a warning, and the current directory takes its place; everything works there",
    root: true,
    run: async (home) => {
      const uid = 65531; // no account
      const here = join(home.root, "here");
      mkdirSync(here);
      chmodSync(home.root, 0o755);
      chownSync(here, uid, uid);
      const by = (args: string[]) =>
        home.exec("setpriv", [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", program, ...args], {
          cwd: here,
          env: { HOME: undefined, LOOPR_HOME: undefined },
        });
      const listed = await by(["list"]);
      expect(listed).toMatchObject({ code: 0 });
      expect(listed.stderr).toBe(`warning: you have no home directory; using ${here}/.loopr\n`);
      expect((await by(["daemon", "status"])).stdout).toContain(`home      ${here}/.loopr`);
      expect((await by(["doctor"])).stdout).toMatch(/^ok +home +\S+here\/\.loopr, private$/m);
      expect(await by(["daemon", "stop"])).toMatchObject({ code: 0 });
    },
  },
  {
    name: "a socket that may not be used",
    provoked: "LOOPR_SOCKET in another user's directory of mode 0700",
    seen: "said at once, and no daemon is started for it",
    root: true,
    run: async (home) => {
      const closed = join(home.root, "closed");
      mkdirSync(closed, { mode: 0o700 });
      chmodSync(home.root, 0o755);
      chmodSync(home.userHome, 0o755);
      chownSync(home.userHome, 65534, 65534);
      for (const args of [["list"], ["daemon", "start"]]) {
        const result = await home.exec("setpriv", [...asNobody, program, ...args], {
          env: { LOOPR_SOCKET: join(closed, "s.sock") },
        });
        expect(result.code).toBe(4);
        expect(result.stderr).toMatch(
          /^error: the daemon's socket \S+closed\/s\.sock cannot be used: permission denied\n {2}hint: /,
        );
      }
      expect(existsSync(home.dir)).toBe(false);
    },
  },
  {
    name: "a lock that may not be opened",
    provoked: "daemon.lock with mode 000, as a user that is not root",
    seen: "an error that names the file",
    root: true,
    run: async (home) => {
      mkdirSync(home.dir, { mode: 0o700 });
      writeFileSync(join(home.dir, "daemon.lock"), "", { mode: 0o000 });
      chownSync(home.dir, 65534, 65534);
      const result = await byNobody(home, ["daemon", "start"]);
      expect(result.code).toBe(4);
      expect(result.stderr).toContain(join(home.dir, "daemon.lock"));
    },
  },
  {
    name: "a logs directory that is none",
    provoked: "a file, then a symbolic link, in its place",
    seen: "an error that names it; nothing is written through the link",
    run: async (home) => {
      mkdirSync(home.dir, { mode: 0o700 });
      const logs = join(home.dir, "logs");
      writeFileSync(logs, "");
      const file = await home.loopr(["daemon", "start"]);
      expect(file).toMatchObject({ code: 4 });
      expect(file.stderr).toContain(`${logs} is not a directory`);
      rmSync(logs);
      const elsewhere = join(home.root, "elsewhere");
      mkdirSync(elsewhere, { mode: 0o700 });
      symlinkSync(elsewhere, logs);
      const link = await home.loopr(["daemon", "start"]);
      expect(link.stderr).toContain(`${logs} is a symbolic link`);
      expect(readdirSync(elsewhere)).toEqual([]);
    },
  },
  {
    name: "a directory for long socket paths that is someone else's",
    provoked: "/tmp/loopr-<uid> made by another user before us",
    seen: "refused, with what to set; doctor says the same",
    root: true,
    run: async (home) => {
      const uid = 65533;
      const squatted = `/tmp/loopr-${uid}`;
      mkdirSync(squatted, { mode: 0o755 });
      try {
        for (const path of [home.root, home.userHome]) chmodSync(path, 0o755);
        chownSync(home.userHome, uid, uid);
        const far = join(home.userHome, "x".repeat(100), "home");
        const by = (args: string[]) =>
          home.exec("setpriv", [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", program, ...args], {
            env: { LOOPR_HOME: far },
          });
        const start = await by(["daemon", "start"]);
        expect(start.code).toBe(4);
        expect(start.stderr).toContain(`${squatted} belongs to another user`);
        expect(start.stderr).toMatch(/hint: .*LOOPR_SOCKET/);
        expect((await by(["doctor"])).stdout).toMatch(
          /^fail +socket .*belongs to another user.*\n +→ set LOOPR_HOME/m,
        );
      } finally {
        rmSync(squatted, { recursive: true });
      }
    },
  },
]);

table("what changes around a running daemon", [
  {
    name: "TMPDIR",
    provoked: "another one in each command, and then none",
    seen: "the same daemon, also where the socket does not fit into the home",
    run: async (home) => {
      for (const LOOPR_HOME of [home.dir, join(home.root, "y".repeat(100), "home")]) {
        const pids = new Set<unknown>();
        for (const TMPDIR of [join(home.root, "a"), "/nonexistent", "", undefined]) {
          const env = { LOOPR_HOME, TMPDIR };
          await home.ok(["daemon", "start"], { env });
          pids.add(
            (JSON.parse(await home.ok(["daemon", "status", "--json"], { env })) as { pid: number }).pid,
          );
        }
        expect(pids.size).toBe(1);
        await home.ok(["daemon", "stop"], { env: { LOOPR_HOME } });
      }
    },
  },
  {
    name: "the clock",
    provoked: "files of the daemon from next year",
    seen: "doctor warns of the clock and says how to set it; everything works",
    run: async (home) => {
      await home.ok(["daemon", "start"]);
      await home.ok(["daemon", "stop"]);
      await home.exec("touch", ["-d", "next year", join(home.dir, "logs/daemon.log")]);
      const doctor = await home.loopr(["doctor"]);
      expect(doctor.stdout).toMatch(
        /^warn +clock .*daemon\.log was written .* after that.*\n +→ set the clock/m,
      );
      await expectWhole(home);
    },
  },
  {
    name: "the home's path",
    provoked: "too long for a socket",
    seen: "doctor explains where the socket is, and how to have it in the home",
    run: async (home) => {
      const env = { LOOPR_HOME: join(home.root, "z".repeat(100), "home") };
      const doctor = await home.loopr(["doctor"], { env });
      expect(doctor.stdout).toMatch(
        /^ok +socket +\/tmp\/loopr-\d+\/\w+\.sock, because .*103 bytes.*\n +→ set LOOPR_HOME to a shorter/m,
      );
    },
  },
]);

const task = ["run", "--depth", "code", "--check", "sh test.sh", "Greet", "--yes", "--json"];

describe("what changes under a running daemon with work to do", () => {
  test(
    "the checkout of the program: deleted while the daemon runs → its runners start all the same, a run is merged",
    async () => {
      const solves: Handler = ({ turn }) =>
        turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];
      await withRuns(solves, async ({ home, repo, env, loopr }) => {
        const checkout = join(home.root, "checkout");
        mkdirSync(checkout);
        const copy = join(checkout, "loopr");
        copyFileSync(program, copy);
        chmodSync(copy, 0o755);
        expect(await home.exec(copy, ["daemon", "start"], { cwd: checkout, env })).toMatchObject({ code: 0 });
        const pid = home.daemonPid();
        rmSync(checkout, { recursive: true });
        expect(await loopr(task, { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
        expect(home.daemonPid()).toBe(pid);
        expect(repo.read("greet.sh")).toBe(goodGreet);
      });
    },
    limitMs,
  );

  test(
    "kill -9 of the daemon during a model's command: its runners and the command are gone, the run is resumed → merged once",
    async () => {
      const mark = `5${process.pid}`;
      let attempts = 0;
      const solves: Handler = ({ turn }) => {
        if (turn === 0) attempts += 1;
        if (turn > 0) return [text("Done.")];
        return attempts === 1
          ? [tool("run_command", { command: `setsid sleep ${mark} & sleep ${mark}` })]
          : [tool("write_file", { path: "greet.sh", content: goodGreet })];
      };
      await withRuns(solves, async ({ home, repo, env }) => {
        const base = repo.git("rev-parse", "main");
        const client = home.start(task, { cwd: repo.dir, env });
        const sleeping = () => allPids().filter((pid) => commandLine(pid) === `sleep ${mark}`);
        await until(() => sleeping().length === 2, 30_000, "the command to run");
        signal(home.daemonPid() ?? 0, "SIGKILL");
        await until(() => sleeping().length === 0, 50_000, "the command to be gone");
        expect(await client.wait(45_000)).toMatchObject({ code: 0 });
        expect(repo.git("rev-list", "--count", `${base}..main`)).toBe("1");
        expect(attempts).toBe(2);
      });
    },
    limitMs,
  );
});

function allPids(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}
