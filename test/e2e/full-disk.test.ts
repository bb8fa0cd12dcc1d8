// A disk that is full while loops run: nothing is lost, the daemon lives and says so, and with room it goes on.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { program, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, withRuns, type RunBed } from "../support/runs.ts";

const homeBytes = 8 * 1024 * 1024;

/** A home on a small disk of its own, in a mount namespace that ends with the test. */
async function smallDisk({ home, repo, env }: RunBed) {
  const mount = `mkdir -p '${home.dir}' && mount -t tmpfs -o size=${homeBytes},mode=700 none '${home.dir}'`;
  const holder = home.spawn("unshare", ["-m", "sh", "-c", `${mount} && echo ready && exec sleep 600`]);
  await until(() => holder.stdout().includes("ready"), 10_000, "the small disk");
  const inside = (command: string, args: string[]) =>
    home.exec("nsenter", ["-t", String(holder.pid), "-m", `--wd=${repo.dir}`, "--", command, ...args], {
      cwd: repo.dir,
      env,
      deadlineMs: 60_000,
    });
  const fill = join(home.dir, "fill");
  return {
    loopr: (...args: string[]) => inside(program, args),
    fillUp: () => inside("sh", ["-c", `dd if=/dev/zero of='${fill}' bs=4k 2>/dev/null; sync`]),
    makeRoom: () => inside("rm", ["-f", fill]),
    end: async () => {
      await inside(program, ["daemon", "stop"]);
      holder.kill("SIGKILL");
      await holder.wait();
    },
  };
}

const canMount = userInfo().uid === 0 && existsSync("/usr/bin/nsenter");

test.if(canMount)(
  "full in the middle of a run: it pauses with the reason, the daemon answers, and room lets it go on",
  async () => {
    const bed: { disk: Awaited<ReturnType<typeof smallDisk>> | null } = { disk: null };
    let requests = 0;
    const handler: Handler = async (request) => {
      if (++requests === 2) await bed.disk?.fillUp();
      if (request.turn === 0) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
      return request.turn === 1 ? [tool("read_file", { path: "greet.sh" })] : [text("Done.")];
    };
    await withRuns(handler, async (runs) => {
      const { home, repo } = runs;
      const disk = await smallDisk(runs);
      bed.disk = disk;
      try {
        const base = repo.git("rev-parse", "main");
        const args = ["--depth", "code", "--check", "sh test.sh", "--yes", "--json", "Greet"];
        const stopped = await disk.loopr("run", ...args);
        expect([stopped.code, stopped.code === 6 ? "" : stopped.stdout + stopped.stderr]).toEqual([6, ""]);
        const { id, run_state } = json(stopped);
        expect(run_state).toBe("paused");
        const status = json(await disk.loopr("status", String(id), "--json"));
        expect(status).toMatchObject({ status: "paused", waiting_for: "disk" });
        expect((status["failure"] as { message: string }).message).toMatch(/no room/);
        expect((await disk.loopr("daemon", "status")).code).toBe(0);
        expect((await disk.loopr("list")).stdout).toContain("room");
        expect(repo.git("rev-parse", "main")).toBe(base);

        await disk.makeRoom();
        const merged = async () =>
          json(await disk.loopr("status", String(id), "--json"))["run_state"] === "merged";
        await until(merged, 40_000, "the run to go on by itself");
        expect(repo.git("rev-list", "--count", `${base}..main`)).toBe("1");
        expect(repo.read("greet.sh")).toBe(goodGreet);
        expect(leftWorktrees(home, repo)).toEqual([]);
      } finally {
        await disk.end();
      }
    });
  },
  120_000,
);
