// The gate: a plan changed by a person, levels and all; several people at it at once; a daemon that dies there.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { program, signal, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { withPty } from "../support/pty.ts";
import { json, withRuns, type RunBed } from "../support/runs.ts";

const files = {
  "a.sh": "echo a\n",
  "test.sh": "#!/bin/sh\nset -e\nsh a.sh\nif [ -f b.sh ]; then sh b.sh; fi\n",
};
const plan = {
  title: "Letters",
  summary: "Two letters.",
  specs: [
    { name: "first", description: "Write a.sh" },
    { name: "second", description: "Write b.sh", depends_on: ["first"] },
  ],
};
const writes: Handler = ({ turn, tools, prompt }) => {
  if (turn > 0) return [text("Done.")];
  if (tools.includes("create_plan")) return [tool("create_plan", plan)];
  const path = /<task>\nWrite (\S+)/.exec(prompt)?.[1] ?? "none.sh";
  return [tool("write_file", { path, content: `echo ${path}\n` })];
};
const check = ["--check", "sh test.sh"];

async function atGate({ loopr }: RunBed, ...args: string[]): Promise<string> {
  const created = await loopr(["plan", ...check, ...args, "Letters, please", "--wait", "--json"]);
  return String(json(created)["id"]);
}

/** A program that is the person's editor: a script of sh, the file is `$1`. */
function editor({ home }: RunBed, name: string, script: string): string {
  const path = join(home.root, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const wide = { columns: 160, rows: 50 };

describe("loopr edit", () => {
  test("in an editor: what is wrong is shown there until it is right; then it is what runs", async () => {
    await withRuns(
      writes,
      async (bed) => {
        const { home, repo, env, loopr } = bed;
        const id = await atGate(bed);
        // First a level that is none; the second time round the file says so, and it is put right.
        const script = `if grep -q '^# ERROR: line .*specs\\[2\\].level' "$1"; then
            sed -i 's/level: fast/level: code/' "$1"
          else
            sed -i 's/second/other/; s/Write b.sh/Write c.sh/; $!b' "$1"
            awk '/level: code/ && ++n == 2 { sub("code", "fast") } 1' "$1" > "$1.new" && mv "$1.new" "$1"
          fi`;
        const EDITOR = `${editor(bed, "my-editor", script)} --wait`.replace(" --wait", "");
        const args = ["edit", id];
        await withPty(home, { ...wide, cwd: repo.dir, env: { ...env, EDITOR }, args }, async (pty) => {
          await pty.shows("Stored version 2 of the plan");
          expect(await pty.exited()).toBe(0);
        });
        const shown = (await loopr(["status", id])).stdout;
        expect(shown).toContain("version 2, edited by a person");
        expect(shown).toContain("## 2. other (straight to code, after first)");
        expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
        await until(
          async () => json(await loopr(["status", id, "--json"]))["run_state"] === "verified",
          25_000,
        );
        expect(
          repo.git("show", `${String(json(await loopr(["status", id, "--json"]))["branch"])}:c.sh`),
        ).toBe("echo c.sh");
        const late = await loopr(["edit", id, "--print"]);
        expect(late.code).toBe(1);
        expect(late.stderr).toContain("is complete; a plan can be edited while it waits for approval");

        // Sent back after its approval: it is planned anew, and what had followed from it no longer counts.
        const again = await loopr(["iterate", id, "-m", "shorter"]);
        expect(again.stdout).toContain("its 2 loops no longer count");
        await until(
          async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
          25_000,
          "the gate",
        );
        const { loops } = json(await loopr(["list", "--json"])) as {
          loops: { id: string; status: string }[];
        };
        expect(loops.filter((one) => one.id !== id).map(({ status }) => status)).toEqual([
          "invalidated",
          "invalidated",
        ]);
      },
      { files },
    );
  }, 60_000);

  test("unchanged or emptied nothing is stored; of two who edit at once the second is refused and keeps its text", async () => {
    await withRuns(
      writes,
      async (bed) => {
        const { home, repo, env, loopr } = bed;
        const id = await atGate(bed);
        const edits = (script: string, body: Parameters<typeof withPty>[2]) => {
          const EDITOR = editor(bed, "my-editor", script);
          return withPty(home, { ...wide, cwd: repo.dir, env: { ...env, EDITOR }, args: ["edit", id] }, body);
        };
        // A script that never lets go of it ends by itself, and what it wrote is kept.
        await edits(`echo >> "${home.root}/rounds"; echo '  x: [' >> "$1"`, async (pty) => {
          await pty.shows("is no sound plan");
          expect(await pty.exited()).toBe(2);
        });
        expect(readFileSync(join(home.root, "rounds"), "utf8")).toHaveLength(10);
        for (const script of ["true", ': > "$1"', "printf '# nothing\\n' > \"$1\""]) {
          await edits(script, async (pty) => {
            await pty.shows("Nothing was changed: the plan is still version 1");
            expect(await pty.exited()).toBe(0);
          });
        }
        await edits("exit 3", async (pty) => {
          await pty.shows(/the editor `.*` ended with exit code 3/);
          expect(await pty.exited()).toBe(1);
        });

        const other = join(home.root, "other.yml");
        const text = (await loopr(["edit", id, "--print"])).stdout;
        writeFileSync(other, text.replace("Write a.sh", "Write a.sh, quickly"));
        // While the editor is open, somebody else stores a version.
        await edits(
          `sed -i 's/Two letters/Both letters/' "$1"; ${program} edit ${id} --file ${other} >/dev/null`,
          async (pty) => {
            await pty.shows("was changed meanwhile, by a person: version 2 is the newest, not 1");
            const kept = /\/\S+plan-\S+\.yml/.exec(
              (await pty.shows("what you have written is in")).replaceAll("\n", ""),
            );
            expect(await pty.exited()).toBe(1);
            expect(readFileSync(kept?.[0] ?? "", "utf8")).toContain("Both letters");
            // As told: what was kept replaces it, knowingly.
            expect(await loopr(["edit", id, "--file", kept?.[0] ?? "", "--json"])).toMatchObject({ code: 0 });
            expect(existsSync(dirname(kept?.[0] ?? ""))).toBe(true);
            await home.exec("rm", ["-r", dirname(kept?.[0] ?? "")]);
          },
        );
        const preview = (await loopr(["status", id])).stdout;
        expect(preview).toContain("version 3, edited by a person");
        expect(preview).toContain("Both letters");
      },
      { files },
    );
  }, 60_000);

  test("without a terminal: from stdin; what is wrong is refused with its line; levels by approve", async () => {
    await withRuns(
      writes,
      async (bed) => {
        const { loopr } = bed;
        const id = await atGate(bed);
        const alone = await loopr(["edit", id]);
        expect(alone.code).toBe(2);
        expect(alone.stderr).toStartWith("error: the editor `vi` needs a terminal, and there is none\n");
        expect(alone.stderr).toContain("--print > plan.yml");
        for (const EDITOR of ["/usr/bin/vim -n", "nano"])
          expect((await loopr(["edit", id], { env: { EDITOR } })).stderr).toContain(
            `\`${EDITOR}\` needs a terminal`,
          );
        const bad = await loopr(["edit", id, "--file", "-"], { input: "title: t\nsummary: s\nspecs: []\n" });
        expect(bad.code).toBe(2);
        expect(bad.stderr).toContain("line 3: specs: ");
        const cycle = { ...plan, specs: plan.specs.map((spec) => ({ ...spec, depends_on: [spec.name] })) };
        expect(await loopr(["edit", id, "--file", "-"], { input: JSON.stringify(cycle) })).toMatchObject({
          code: 2,
        });
        expect(await loopr(["edit", id, "--file", "nowhere.yml"])).toMatchObject({ code: 2 });
        const good = await loopr(["edit", id, "--file", "-", "--json"], { input: JSON.stringify(plan) });
        expect(json(good)).toMatchObject({ edited: false, version: 1 }); // the same plan is no new version
        // An editor that needs none, such as a script, is used; where it fails that is said.
        const script = editor(bed, "my-editor", `sed -i 's/Two letters/Both letters/' "$1"`);
        const edited = await loopr(["edit", id], { env: { EDITOR: script } });
        expect(edited).toMatchObject({ code: 0, stderr: "" });
        expect(edited.stdout).toContain("Stored version 2 of the plan");
        const failed = await loopr(["edit", id], { env: { EDITOR: "exit 3;" } });
        expect(failed.code).toBe(1);
        expect(failed.stderr).toContain("ended with exit code 3");

        expect((await loopr(["approve", id, "--level", "third=spec"])).stderr).toContain(
          "the specs: first, second",
        );
        expect(await loopr(["approve", id, "--level", "first=phase"])).toMatchObject({ code: 2 });
        expect(await loopr(["approve", id, "--level", "first=spec"])).toMatchObject({ code: 0 });
        const { loops } = json(await loopr(["list", "--json"])) as {
          loops: { id: string; loop_type: string }[];
        };
        expect(loops.map(({ loop_type }) => loop_type).sort()).toEqual(["code", "plan", "spec"]);

        const fixed = await atGate(bed, "--levels", "plan,code");
        expect((await loopr(["approve", fixed, "--level", "first=spec"])).stderr).toContain(
          "set for all of its specs",
        );
        expect((await loopr(["edit", fixed, "--print"])).stdout).toContain("their own do not count");
      },
      { files },
    );
  }, 60_000);
});

describe("several people, and a daemon that dies", () => {
  test("the plan waits over kill -9; the first answer counts, the other is told, and watchers see it", async () => {
    await withRuns(
      writes,
      async (bed) => {
        const { home, env, repo, loopr } = bed;
        const id = await atGate(bed);
        const edited = { ...plan, title: "Letters, edited" };
        const watcher = home.start(["watch", id, "--json"], { env, cwd: repo.dir });
        await until(() => watcher.stdout().includes(id), 15_000, "the watcher");
        expect(await loopr(["edit", id, "--file", "-"], { input: JSON.stringify(edited) })).toMatchObject({
          code: 0,
        });
        signal(home.daemonPid() ?? 0, "SIGKILL");
        const after = json(await loopr(["status", id, "--json"]));
        expect(after).toMatchObject({ status: "awaiting_approval", title: "Letters, edited" });

        const answers = await Promise.all([
          loopr(["approve", id]),
          loopr(["reject", id, "-r", "no"]),
          // A third is late as well; sent back can also be what is approved already, so that is none of them.
          loopr(["reject", id, "-r", "never"]),
        ]);
        const won = answers.filter(({ code }) => code === 0);
        const lost = answers.filter(({ code }) => code !== 0);
        expect([won.length, lost.length]).toEqual([1, 2]);
        for (const { code, stderr } of lost) {
          expect(code).toBe(1);
          expect(stderr).toMatch(
            /plan \w+ is (complete|failed|running|awaiting approval); to \w+ it, it has to be/,
          );
        }
        await until(
          () => /"plan.approved"|"plan.rejected"|"status":"running"/.test(watcher.stdout()),
          20_000,
          "the watcher to see the answer",
        );
        expect(watcher.stdout()).toContain('"plan.edited"');
      },
      { files },
    );
  }, 60_000);
});
