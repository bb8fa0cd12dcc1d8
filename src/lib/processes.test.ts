import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processStartTime, sendSignal } from "./processes.ts";

describe("a process", () => {
  test("is told from a later one by its start time, whatever it is called", async () => {
    const dir = mkdtempSync(join(tmpdir(), "loopr-name-"));
    const named = join(dir, "a) Z (b");
    symlinkSync("/bin/sleep", named);
    const child = spawn(named, ["1000"], { stdio: "ignore" });
    const pid = child.pid ?? -1;
    const started = processStartTime(pid);
    expect(started).toMatch(/\d/);
    expect(processStartTime(pid)).toBe(started);
    expect(sendSignal(pid, "SIGKILL")).toBe(true);
    await once(child, "exit");
    expect(processStartTime(pid)).toBeNull();
    expect(sendSignal(pid, "SIGTERM")).toBe(false);
    rmSync(dir, { recursive: true });
  });

  test("that is no process has no start time", () => {
    for (const pid of [0, -1, 1.5, Number.NaN, 9_999_999_999_999]) expect(processStartTime(pid)).toBeNull();
  });

  test("that is a zombie is dead", async () => {
    // The shell's child has ended, and the shell, now sleep, will never ask for its exit code.
    const script = "sleep 0 & echo $!; exec sleep 1000";
    const shell = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    const [said] = (await once(shell.stdout, "data")) as [Buffer];
    const zombie = Number(said.toString());
    const deadline = Date.now() + 10_000;
    while (processStartTime(zombie) !== null) {
      if (Date.now() > deadline) throw new Error("it never became a zombie");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(spawnSync("ps", ["-o", "stat=", "-p", String(zombie)], { encoding: "utf8" }).stdout).toMatch(/^Z/);
    shell.kill("SIGKILL");
    await once(shell, "exit");
  }, 20_000);

  // Seen at `daemon stop`: the main thread had ended, and others still held the home's files open.
  test.skipIf(process.platform !== "linux")(
    "is not dead while another of its threads lives",
    async () => {
      const exitOfOneThread = process.arch === "arm64" ? 93 : 60;
      const script = `
        import { dlopen } from "bun:ffi";
        const { symbols } = dlopen("libc.so.6", { syscall: { args: ["i64", "i64"], returns: "i64" } });
        new Worker("data:text/javascript,setInterval(() => {}, 1000)");
        symbols.syscall(${exitOfOneThread}, 0);`;
      const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
      const pid = child.pid ?? -1;
      const started = processStartTime(pid);
      const state = () => readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /s, "").charAt(0);
      const deadline = Date.now() + 10_000;
      while (state() !== "Z") {
        if (Date.now() > deadline) throw new Error("its main thread never ended");
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(processStartTime(pid)).toBe(started);
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(processStartTime(pid)).toBeNull();
    },
    20_000,
  );
});
