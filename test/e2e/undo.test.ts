// loopr undo: what a run merged is taken back by a commit, checked before the target moves.
import { describe, expect, test } from "bun:test";
import { isAlive, signal, until } from "../support/harness.ts";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, withRuns, type RunBed } from "../support/runs.ts";

const work = [
  [
    tool("write_file", { path: "greet.sh", content: goodGreet }),
    tool("write_file", { path: "extra.txt", content: "one\n" }),
  ],
  [text("Done.")],
];

/** The id of a run that was merged. */
async function merged({ loopr }: RunBed, check = "sh test.sh"): Promise<string> {
  const args = ["run", "--depth", "code", "--check", check, "Greet the world", "--yes", "--json"];
  const result = await loopr(args);
  expect(result).toMatchObject({ code: 0 });
  return String(json(result)["id"]);
}

async function refusal({ loopr }: RunBed, id: string) {
  const result = await loopr(["undo", id, "--json"]);
  return { code: result.code, error: json(result)["error"] };
}

describe("loopr undo", () => {
  test("a commit on the target's newest commit takes the run back, and only once", async () => {
    await withRuns(work, async (bed) => {
      const { repo, loopr, home } = bed;
      const before = repo.git("rev-parse", "main^{tree}");
      const id = await merged(bed);
      const result = await loopr(["undo", id]);
      expect(result).toMatchObject({ code: 0 });
      expect(result.stdout).toContain("Undone");
      expect(result.stdout).toContain("UNVERIFIED: no check has passed on it");
      expect(repo.git("rev-parse", "main^{tree}")).toBe(before);
      expect(repo.git("log", "-1", "--format=%B")).toContain(`Loopr-Undo: ${id}`);
      expect(repo.git("log", "-1", "--format=%s")).toBe('Revert "Greet the world"');
      expect(repo.git("log", "-1", "--format=%an")).toBe("Test Person");
      expect(repo.git("status", "--porcelain")).toBe("");
      expect(repo.read("greet.sh")).not.toContain("world");
      expect(leftWorktrees(home, repo)).toEqual([]);
      const head = repo.git("rev-parse", "main");
      expect(await refusal(bed, id)).toMatchObject({ code: 1, error: { code: "already_undone" } });
      expect(repo.git("rev-parse", "main")).toBe(head);
      const status = json(await loopr(["status", id, "--json"]));
      expect(status).toMatchObject({ run_state: "merged", undone_commit: head });
      // The check failed before the run; that it fails again is no reason against the undo.
      const checks = json(await loopr(["evidence", id, "--json"]))["checks"] as { stage: string }[];
      expect(checks.at(-1)).toMatchObject({ stage: "undo", exit_code: 1 });
      // Its evidence is kept with the commit, as that of a merge is.
      expect(repo.git("notes", "--ref=loopr", "show", "main")).toContain('"verified":false');
      const again = json(await loopr(["verify", "main", "--json"]));
      expect(again).toMatchObject({ commit: head, run: id, same: true });
    });
  });

  test("later commits stay; where they conflict it waits, with the command to run", async () => {
    await withRuns(work, async (bed) => {
      const { repo } = bed;
      const id = await merged(bed);
      repo.write("later.txt", "later\n");
      repo.write("extra.txt", "one\ntwo\n");
      repo.git("add", "-A");
      repo.git("commit", "-q", "-m", "Later");
      const head = repo.git("rev-parse", "main");
      const refused = await refusal(bed, id);
      expect(refused).toMatchObject({ code: 6, error: { code: "undo_conflict" } });
      expect(JSON.stringify(refused.error)).toContain("git revert ");
      expect(repo.git("rev-parse", "main")).toBe(head);
      repo.write("extra.txt", "one\n");
      repo.git("commit", "-q", "-am", "Back");
      expect(await bed.loopr(["undo", id])).toMatchObject({ code: 0 });
      expect(repo.read("later.txt")).toBe("later\n");
      expect(repo.read("greet.sh")).not.toContain("world");
    });
  });

  test("a checkout with changes: exit 6, untouched; the command that it names does it", async () => {
    await withRuns(work, async (bed) => {
      const { repo, home } = bed;
      const id = await merged(bed);
      const head = repo.git("rev-parse", "main");
      repo.write("README.md", "changed\n");
      const refused = await refusal(bed, id);
      expect(refused).toMatchObject({ code: 6, error: { code: "undo_dirty" } });
      expect(repo.git("rev-parse", "main")).toBe(head);
      expect(repo.read("README.md")).toBe("changed\n");
      // People are told the id as they type it.
      const { stderr } = await bed.loopr(["undo", id]);
      expect(stderr).toMatch(new RegExp(`loopr undo ${id.split("-")[1]?.slice(0, 4) ?? ""}\\w{0,4} once`));
      repo.git("checkout", "-q", "--", "README.md");
      const { hint } = refused.error as { hint: string };
      const command = hint.slice(0, hint.indexOf(", or"));
      expect(await home.exec("sh", ["-c", command])).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).not.toContain("world");
      const undone = repo.git("rev-parse", "main");
      // Asked again, Loopr sees that it is done, and does nothing.
      expect(await bed.loopr(["undo", id])).toMatchObject({ code: 0 });
      expect(repo.git("rev-parse", "main")).toBe(undone);
    });
  });

  test("what was green before and needs the run now is refused by the check", async () => {
    const check = "[ ! -e user.sh ] || sh user.sh";
    await withRuns(work, async (bed) => {
      const { repo } = bed;
      const id = await merged(bed, check);
      repo.write("user.sh", "sh greet.sh | grep -q world\n");
      repo.git("add", "-A");
      repo.git("commit", "-q", "-m", "Uses it");
      const head = repo.git("rev-parse", "main");
      expect(await refusal(bed, id)).toMatchObject({ code: 1, error: { code: "undo_check_failed" } });
      expect(repo.git("rev-parse", "main")).toBe(head);
    });
  });

  test("only a merged run that is still on its target", async () => {
    await withRuns(work, async (bed) => {
      const { repo, loopr } = bed;
      const base = repo.git("rev-parse", "main");
      const args = ["run", "--depth", "code", "--check", "sh test.sh", "Greet", "--yes", "--no-merge"];
      const id = String(json(await loopr([...args, "--json"]))["id"]);
      expect(await refusal(bed, id)).toMatchObject({ code: 1, error: { code: "invalid_state" } });
      expect(await loopr(["merge", id])).toMatchObject({ code: 0 });
      repo.git("reset", "-q", "--hard", base);
      expect(await refusal(bed, id)).toMatchObject({ code: 1, error: { code: "undo_not_on_target" } });
    });
  });

  test("kill -9 while it is under way: the next daemon does it, once", async () => {
    const check = 'if [ -e "$XDG_CACHE_HOME/slow" ]; then sleep 3; fi; sh test.sh';
    await withRuns(work, async (bed) => {
      const { repo, home, loopr } = bed;
      const id = await merged(bed, check);
      const head = repo.git("rev-parse", "main");
      await home.exec("sh", ["-c", `for c in ${home.dir}/projects/*/cache/check; do touch "$c/slow"; done`]);
      const running = home.start(["undo", id], { cwd: repo.dir, env: bed.env });
      await until(
        async () =>
          String(json(await loopr(["status", id, "--json"]))["progress"]).startsWith("undoing: running"),
        20_000,
        "the undo's check to run",
      );
      const daemon = home.daemonPid() ?? 0;
      signal(daemon, "SIGKILL");
      await until(() => !isAlive(daemon), 10_000, "the daemon to be gone");
      expect(await running.wait()).toMatchObject({ code: 0 });
      expect(repo.git("rev-list", "--count", `${head}..main`)).toBe("1");
      expect(repo.read("greet.sh")).not.toContain("world");
      await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
    });
  }, 90_000);
});
