// What the daemon ran, as the person, programs and the commit's note see it; and the same check run again.
import { describe, expect, test } from "bun:test";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, withRuns, type RunBed } from "../support/runs.ts";

const write = [tool("write_file", { path: "greet.sh", content: goodGreet })];
const done = [text("Done.")];
const run = (check: string) => ["run", "--depth", "code", "--check", check, "Greet the world", "--yes"];

async function merged({ loopr }: RunBed, check = "sh test.sh"): Promise<{ id: string; commit: string }> {
  const result = await loopr([...run(check), "--json"]);
  expect(result).toMatchObject({ code: 0 });
  return { id: String(json(result)["id"]), commit: String(json(result)["commit"]) };
}

describe("loopr evidence", () => {
  test("every check of the run, with command, tree, exit code, stage; the note holds the same", async () => {
    await withRuns([write, done], async (bed) => {
      const { repo, loopr } = bed;
      const base = repo.git("rev-parse", "HEAD");
      const { id, commit } = await merged(bed);
      const document = json(await loopr(["evidence", id, "--json"]));
      expect(document).toMatchObject({
        id,
        run_state: "merged",
        verified: true,
        sandboxed: true,
        target: "main",
        base_commit: base,
        commit,
        protected_changed: [],
      });
      const tree = repo.git("rev-parse", "main^{tree}");
      const check = { command: "sh test.sh", cwd: "", sandboxed: true, ending: "exited", loop_id: id };
      expect(document["checks"]).toMatchObject([
        { ...check, stage: "baseline", variant: "baseline", exit_code: 1, passed: false },
        {
          ...check,
          stage: "iteration",
          iteration: 1,
          variant: "candidate",
          exit_code: 0,
          tree,
          passed: true,
        },
        { ...check, stage: "integration", variant: "candidate", exit_code: 0, tree, passed: true },
      ]);
      expect(repo.git("rev-parse", `${base}^{tree}`)).toBe(
        (document["checks"] as { tree: string }[])[0]?.tree ?? "",
      );

      const note = repo.git("notes", "--ref=loopr", "show", "main");
      const line = note.split("\n").find((each) => each.startsWith("Loopr-Evidence: ")) ?? "";
      expect(JSON.parse(line.slice("Loopr-Evidence: ".length))).toMatchObject({
        format: 1,
        run: id,
        commit,
        base_commit: base,
        target: "main",
        verified: true,
        check: { command: "sh test.sh", cwd: "", setup: null },
        checks: document["checks"],
        protected_changed: [],
      });

      const shown = (await loopr(["evidence", (id.split("-")[1] ?? "").slice(0, 6)])).stdout;
      expect(shown).toContain("merged onto main");
      expect(shown).toContain("$ sh test.sh");
      expect(shown).toContain("ended with exit code 1");
      expect(shown).toContain(`tree ${tree.slice(0, 10)}, sandboxed`);
      expect(shown).toContain(`loopr verify ${commit.slice(0, 10)}`);
      const detail = (await loopr(["status", "-d", id])).stdout;
      expect(detail).toContain("iteration 1: sh test.sh ended with exit code 0");
      expect(detail).toContain(`tree ${tree.slice(0, 10)}`);
    });
  });

  test("a run whose validation was waived says so, and its commit cannot be verified", async () => {
    await withRuns([write, done], async ({ loopr, repo }) => {
      const result = await loopr(["run", "--depth", "code", "--no-check", "Greet", "--yes", "--json"]);
      expect(result).toMatchObject({ code: 0 });
      const id = String(json(result)["id"]);
      expect((await loopr(["evidence", id])).stdout).toContain("UNVERIFIED");
      expect(json(await loopr(["evidence", id, "--json"]))).toMatchObject({ verified: false, checks: [] });
      const verified = await loopr(["verify", "main", "--json"]);
      expect(verified.code).toBe(1);
      expect(json(verified)["error"]).toMatchObject({ code: "unverified" });
      expect(repo.git("notes", "--ref=loopr", "show", "main")).toContain("unverified");
    });
  });
});

describe("loopr verify", () => {
  test("the same outcome: exit 0, in a clean checkout that is gone afterwards", async () => {
    await withRuns([write, done], async (bed) => {
      const { home, repo, loopr } = bed;
      const { id, commit } = await merged(bed);
      repo.write("greet.sh", "broken in the person's checkout\n");
      const result = await loopr(["verify", "HEAD", "--json"]);
      expect(result).toMatchObject({ code: 0 });
      expect(json(result)).toMatchObject({
        commit,
        run: id,
        same: true,
        checks: [
          {
            recorded: { exit_code: 0, variant: "candidate" },
            result: { exit_code: 0, sandboxed: true, tree: repo.git("rev-parse", "HEAD^{tree}") },
            same: true,
          },
        ],
      });
      expect((await loopr(["verify", commit])).stdout).toContain("The same outcome.");
      expect(leftWorktrees(home, repo)).toEqual([]);
      expect(repo.read("greet.sh")).toContain("broken");
    });
  });

  test("another outcome: exit 1, and what the check printed", async () => {
    // Passes the first time that the tree passes test.sh, and never again.
    const check =
      'sh test.sh && echo once >> "$XDG_CACHE_HOME/n" && [ "$(wc -l < "$XDG_CACHE_HOME/n")" -lt 2 ]';
    await withRuns([write, done], async (bed) => {
      await merged(bed, check);
      const result = await bed.loopr(["verify", "main"]);
      expect(result.code).toBe(1);
      expect(result.stdout).toContain("NOT the same outcome");
      expect(result.stdout).toContain("exit code 1");
      expect(json(await bed.loopr(["verify", "main", "--json"]))).toMatchObject({ same: false });
    });
  });

  test("commits without evidence, that do not exist, or with a note of another commit", async () => {
    await withRuns([write, done], async (bed) => {
      const { repo, loopr } = bed;
      const { id } = await merged(bed);
      const error = async (commit: string) => {
        const result = await loopr(["verify", commit, "--json"]);
        return { code: result.code, error: json(result)["error"] };
      };
      expect(await error("main~1")).toMatchObject({ code: 1, error: { code: "no_evidence" } });
      expect(await error("nowhere")).toMatchObject({ code: 2, error: { code: "bad_commit" } });
      repo.git("commit", "-q", "--allow-empty", "-m", "Person's");
      repo.git("notes", "--ref=loopr", "copy", "main~1", "main");
      expect(await error("main")).toMatchObject({ code: 1, error: { code: "evidence_mismatch" } });
      const note = repo.git("notes", "--ref=loopr", "show", "main~1").replaceAll("sh test.sh", "true");
      repo.git("notes", "--ref=loopr", "add", "-f", "-m", note, "main~1");
      expect(await error("main~1")).toMatchObject({ code: 1, error: { code: "evidence_mismatch" } });
      expect((await loopr(["evidence", id])).code).toBe(0);
    });
  });

  test("a run that is not known here is verified by its note alone, and only sandboxed", async () => {
    await withRuns([write, done], async (bed) => {
      const { loopr } = bed;
      const { id } = await merged(bed);
      expect(await loopr(["delete", id])).toMatchObject({ code: 0 });
      expect(json(await loopr(["verify", "main", "--json"]))).toMatchObject({ run: id, same: true });
      const unsandboxed = await loopr(["verify", "main", "--sandbox", "none", "--json"]);
      expect(json(unsandboxed)["error"]).toMatchObject({ code: "not_trusted" });
    });
  });
});
