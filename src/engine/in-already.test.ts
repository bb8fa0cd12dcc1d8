// Whether a loop's work is there already, on commits of a real repository.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import { loopRecord, runRecord } from "../../test/support/records.ts";
import type { IterationRecord } from "../domain/evidence.ts";
import { createGit } from "../git/git.ts";
import { inAlready } from "./in-already.ts";

let fixture: GitFixture;
beforeEach(() => {
  fixture = gitFixture();
});
afterEach(() => fixture.remove());

/** A loop whose first iteration passed with `work`, and that changed nothing in its second, on `base`. */
async function secondIteration(work: Record<string, string>, base: Record<string, string>) {
  const root = fixture.repository("repo", { "a.txt": "one\n", "b.txt": "one\n" });
  const commit = (files: Record<string, string>, message: string) => {
    fixture.write(root, files);
    fixture.git(root, "add", "--all");
    fixture.git(root, "commit", "--quiet", "--allow-empty", "-m", message);
    return fixture.git(root, "rev-parse", "HEAD");
  };
  const { repository, head } = await createGit(fixture.env).open(root);
  const worked = commit(work, "work");
  fixture.git(root, "reset", "--quiet", "--hard", head);
  const tip = commit(base, "squashed by a person, without a trailer");
  const loop = loopRecord({ iteration: 2 });
  const record = { iteration: 1, outcome: "passed", commit: worked, base_commit: head } as IterationRecord;
  return inAlready(
    { store: { iterations: () => [record] }, ledger: { loopsOf: () => [loop] } },
    loop,
    { repository, run: runRecord({ target_commit: head }) },
    {
      base: tip,
      commit: { commit: tip, tree: await repository.treeOf(tip), changed: false },
      wrote: false,
    },
  );
}

test("work of its own that has passed is in the base as a whole, beside other changes", async () => {
  const work = { "a.txt": "mine\n" };
  expect(await secondIteration(work, { "a.txt": "mine\n", "b.txt": "theirs\n" })).toBe("yes");
});

test("only a part of it is there, or what passed changed nothing: that is no work done", async () => {
  const work = { "a.txt": "mine\n", "new.txt": "mine\n" };
  expect(await secondIteration(work, { "a.txt": "mine\n" })).toBe("no");
  expect(await secondIteration({}, { "a.txt": "mine\n" })).toBe("no");
});
