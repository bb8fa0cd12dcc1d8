// worktree.copy: what the checkout has installed, as a copy on write where the file system can.
import { describe, expect, test } from "bun:test";
import { constants, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, json, plainPlans, sampleFiles, withRuns, writeUserConfig } from "../support/runs.ts";

const limitMs = 60_000;
const files = {
  ...sampleFiles,
  ".gitignore": "deps/\n",
  // Fails where there is no tool, or where the check before has damaged it.
  "check.sh": "#!/bin/sh\nset -e\n[ ! -e deps/damaged ]\ntouch deps/damaged\n[ -s deps/tool ]\nsh test.sh\n",
};
const setup = "mkdir -p deps; [ -e deps/tool ] || echo installed > deps/tool";

/** Whether the file system of the tests can copy on write: asked of itself. */
function canCopyOnWrite(directory: string): boolean {
  const file = join(directory, "probe");
  writeFileSync(file, "probe");
  try {
    copyFileSync(file, `${file}-copy`, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}

describe("worktree.copy", () => {
  test(
    "worktree and check have it, restored before each check; where that cannot be, a warning, once, and the set-up",
    () =>
      withRuns(
        [
          [
            tool("run_command", { command: "cat deps/tool; ls deps" }),
            tool("write_file", { path: "greet.sh", content: "#!/bin/sh\necho no\n" }),
          ],
          [text("Done.")],
          [tool("write_file", { path: "greet.sh", content: goodGreet })],
          [text("Done.")],
        ],
        async ({ repo, server, loopr, home }) => {
          const can = canCopyOnWrite(home.dir.replace(/[^/]*$/, ""));
          if (!can) console.log("this file system cannot copy on write: what is tested is the warning");
          writeUserConfig(home, `${plainPlans}worktree: { copy: [deps], setup: ${JSON.stringify(setup)} }\n`);
          mkdirSync(join(repo.dir, "deps"));
          repo.write("deps/tool", "mine\n");
          symlinkSync(join(repo.dir, "greet.sh"), join(repo.dir, "deps/linked"));
          const doctor = json(await loopr(["doctor", "--json"]))["checks"] as {
            name: string;
            detail: string;
          }[];
          const copy = doctor.filter(({ name }) => name === "worktree.copy").map(({ detail }) => detail);
          expect(copy.join("\n")).toContain("deps/linked leads into this checkout");
          expect(copy.join("\n").includes("cannot be copied on write")).toBe(!can);

          const result = await loopr(["run", "--depth", "code", "--check", "sh check.sh", "Greet", "--yes"]);
          expect(result).toMatchObject({ code: 0 });
          const said = result.stdout + result.stderr;
          const seen = server.requests[1]?.results[0]?.content ?? "";
          expect(seen).toContain(can ? "mine" : "installed");
          expect(seen).not.toContain("linked");
          const warnings = said.split("\n").filter((line) => line.includes("warning: worktree.copy"));
          expect(warnings).toHaveLength(1);
          expect(warnings[0]).toContain(can ? "deps/linked would lead out" : "cannot be copied on write");
          expect(repo.read("deps/tool")).toBe("mine\n");
          expect(repo.git("ls-files")).not.toContain("deps");
        },
        { files },
      ),
    limitMs,
  );

  test(
    "refused with file and key: paths that lead out, .git, what git tracks; a project's only when trusted",
    () =>
      withRuns(
        [],
        async ({ repo, loopr, home }) => {
          const refusal = async () => {
            const result = await loopr(["run", "--depth", "code", "--check", "true", "Greet", "--yes"]);
            return [result.code, result.stderr] as const;
          };
          const cases: [string, string][] = [
            ["/etc", "relative"],
            ["../other", "leads out"],
            ["a/.git", "git's own"],
            ["greet.sh", "which git tracks (greet.sh)"],
          ];
          for (const [path, why] of cases) {
            writeUserConfig(home, `${plainPlans}worktree: { copy: [${path}] }\n`);
            const [code, said] = await refusal();
            expect([path, code]).toEqual([path, 2]);
            expect(said).toContain("loopr.yml");
            expect(said).toContain("worktree.copy");
            expect(said).toContain(why);
          }
          writeUserConfig(home, plainPlans);
          repo.write(".loopr.yml", "worktree: { copy: [deps] }\n");
          expect((await refusal())[1]).toContain("loopr trust");
        },
        { files },
      ),
    limitMs,
  );
});
