// Signals by selector: pause, resume, cancel, rebase, invalidate, each over the real program.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { signal, until } from "../support/harness.ts";
import { text, tool, type Handler, type RecordedRequest } from "../support/model-server.ts";
import { json, leftWorktrees, withRuns, type RunBed } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const files = { "a.txt": "a\n", "b.txt": "b\n", "test.sh": "! grep -q broken *.txt\n" };
const spec = (name: string, depends_on: string[] = []) => ({
  name,
  description: `Make ${name}.txt loud`,
  depends_on,
  level: "code",
});
const planOf = (specs: object[]) => tool("create_plan", { title: "Louder", summary: "Louder.", specs });
const run = ["run", "--check", "sh test.sh", "--levels", "plan,code", "Louder", "--yes", "--json"];
const loud = (name: string, word = name.toUpperCase()) =>
  tool("write_file", { path: `${name}.txt`, content: `${word}\n` });
const letterOf = (request: RecordedRequest) => /<task>\nMake (\w)\.txt/.exec(request.prompt)?.[1] ?? "?";

interface Listed {
  id: string;
  status: string;
  run_state: string | null;
  title: string;
}

async function listed({ loopr }: RunBed): Promise<Listed[]> {
  const loops = json(await loopr(["list", "--json"]))["loops"] as Listed[];
  return loops.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const statuses = async (bed: RunBed) => (await listed(bed)).map(({ status }) => status);

describe("pause, resume and cancel", () => {
  test("by selectors: at once, over a kill -9 and a restart, and nothing is left running", async () => {
    let open = false;
    const handler: Handler = async (request) => {
      if (request.tools.includes("create_plan"))
        return request.turn === 0 ? [planOf([spec("a"), spec("b"), spec("c", ["a", "b"])])] : [text("Done.")];
      if (request.turn > 0) return [text("Done.")];
      if (!open) await new Promise<void>(() => undefined);
      return [loud(letterOf(request))];
    };
    await withRuns(
      handler,
      async (bed) => {
        const { home, repo, env, loopr } = bed;
        const client = home.start(run, { cwd: repo.dir, env });
        await until(async () => (await statuses(bed)).join() === "complete,running,running,pending", 20_000);
        const id = (await listed(bed))[0]?.id ?? "";

        for (const [args, says] of [
          [["pause", "type:codes"], /no loop type "codes"[^]*plan, spec, phase, code/],
          [["pause", "sibling:x"], /is no selector[^]*descendants:<id>/],
          [["pause", "status:stalled"], /no loop is what the selector says[^]*loopr list/],
          [["resume", "type:code,status:running"], /nothing in it is left to resume/],
          [["cancel", "children:ffff"], /Loop not found: ffff/],
        ] as const) {
          const refused = await loopr([...args]);
          expect(refused.code).not.toBe(0);
          expect(refused.stderr).toMatch(says);
        }
        expect(await statuses(bed)).toEqual(["complete", "running", "running", "pending"]);

        const paused = json(await loopr(["pause", `children:${id.split("-")[1]?.slice(0, 6)}`, "--json"]));
        expect(paused["loops"]).toEqual([1, 2, 3].map((n) => ({ id: `${id}-00${n}`, status: "paused" })));
        expect((await client.wait()).code).toBe(6);

        signal(home.daemonPid() ?? 0, "SIGKILL");
        expect(await statuses(bed)).toEqual(["complete", "paused", "paused", "paused"]);
        open = true;
        expect((await loopr(["cancel", `${id}-002`])).stdout).toStartWith("Cancelled");
        const resumed = await loopr(["resume", "status:paused,type:code"]);
        expect(resumed.stdout).toMatch(/Resumed .*\.001 "a": running\nResumed .*\.003 "c": pending/);
        await until(async () => (await statuses(bed))[1] === "complete", 20_000);
        await loopr(["cancel", id]);
        expect((await listed(bed))[0]?.run_state).toBe("cancelled");
        await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
        expect(repo.git("log", "--format=%s", "-1", "--branches=loopr/*")).toBe("a");
      },
      { files },
    );
  });
});

test("by type, of the project's own, too: that type's loops alone, and the built-in type means its variants", async () => {
  let open = false;
  const handler: Handler = async (request) => {
    const specs = [
      { ...spec("a"), type: "refactor" },
      spec("b"),
      { ...spec("c", ["a", "b"]), type: "refactor" },
    ];
    if (request.tools.includes("create_plan")) return request.turn === 0 ? [planOf(specs)] : [text("Done.")];
    if (request.turn > 0) return [text("Done.")];
    if (!open) await new Promise<void>(() => undefined);
    return [loud(letterOf(request))];
  };
  await withRuns(
    handler,
    async (bed) => {
      const { home, repo, env, loopr } = bed;
      const auto = ["run", "--check", "sh test.sh", "Louder", "--yes", "--json"];
      const client = home.start(auto, { cwd: repo.dir, env });
      await until(async () => (await statuses(bed)).join() === "complete,running,running,pending", 20_000);
      const id = (await listed(bed))[0]?.id ?? "";
      const told = async (...args: string[]) => json(await loopr([...args, "--json"]))["loops"];

      const unknown = await loopr(["pause", "type:refactors"]);
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toMatch(
        /^error: there is no loop type "refactors"\n {2}hint: the types are .*refactor\n/,
      );
      expect(await statuses(bed)).toEqual(["complete", "running", "running", "pending"]);

      expect(await told("pause", "type:refactor")).toEqual([
        { id: `${id}-001`, status: "paused" },
        { id: `${id}-003`, status: "paused" },
      ]);
      expect(await statuses(bed)).toEqual(["complete", "paused", "running", "paused"]);
      expect(
        await told("cancel", "type:refactor,status:paused", `children:${"f".repeat(4)}`),
      ).toBeUndefined();
      expect(await told("pause", "type:code")).toEqual([{ id: `${id}-002`, status: "paused" }]);
      expect((await client.wait()).code).toBe(6);

      // Over a restart, too: the run has kept its types.
      signal(home.daemonPid() ?? 0, "SIGKILL");
      open = true;
      expect(await told("resume", "type:refactor,status:paused")).toMatchObject([
        { id: `${id}-001` },
        { id: `${id}-003` },
      ]);
      await until(async () => (await statuses(bed))[1] === "complete", 20_000);
      expect(await statuses(bed)).toEqual(["complete", "complete", "paused", "pending"]);
      expect(await told("cancel", "type:refactor")).toMatchObject([{ id: `${id}-003`, status: "cancelled" }]);
      expect((await statuses(bed))[2]).toBe("paused");
      await loopr(["cancel", id]);
    },
    { files: { ...files, ".loopr/loops/refactor.yml": "extends: code\ndescription: changes structure\n" } },
  );
}, 60_000);

test("a signal to a loop that waits is told of at once", async () => {
  const handler: Handler = (request) => (request.turn === 0 ? [planOf([spec("a")])] : [text("Done.")]);
  await withRuns(
    handler,
    async ({ home, loopr }) => {
      const id = (await loopr(["plan", "--wait", "--check", "sh test.sh", "Louder"])).stdout.trim();
      const client = await wire(join(home.dir, "daemon.sock"));
      await client.call("subscribe");
      // It is meant to take less than 100 ms, on a machine that has nothing else to do.
      const deadlineMs = 1_000;
      for (const [method, status] of [
        ["loop.pause", "paused"],
        ["loop.resume", "awaiting_approval"],
        ["loop.cancel", "cancelled"],
      ] as const) {
        const answer = client.call(method, { id });
        await client.next(
          ({ event, data }) =>
            event === "loop.updated" && (data as Listed).id === id && (data as Listed).status === status,
          deadlineMs,
        );
        expect((await answer).error).toBeUndefined();
        client.messages.length = 0;
      }
      client.close();
    },
    { files },
  );
});

test("a plan that is iterated after its approval: what followed is taken back and archived, the plan runs again", async () => {
  let version = 0;
  const handler: Handler = async (request) => {
    if (request.tools.includes("create_plan")) {
      if (request.turn > 0) return [text("Done.")];
      version += 1;
      return [planOf(version === 1 ? [spec("a"), spec("b", ["a"])] : [spec("b")])];
    }
    if (request.turn > 0) return [text("Done.")];
    // The second of the first plan never ends by itself.
    if (version === 1 && letterOf(request) === "b") await new Promise<void>(() => undefined);
    return [loud(letterOf(request))];
  };
  await withRuns(
    handler,
    async (bed) => {
      const { home, repo, server, env, loopr } = bed;
      const client = home.start(run, { cwd: repo.dir, env });
      await until(async () => (await statuses(bed)).join() === "complete,complete,running", 20_000);
      const id = (await listed(bed))[0]?.id ?? "";
      const branch = repo.git("branch", "--list", "loopr/*", "--format=%(refname)");
      const old = repo.git("rev-parse", branch);
      expect(await loopr(["iterate", id, "-m", "Only b, please"])).toMatchObject({ code: 0 });
      expect((await client.wait()).code).toBe(0);

      expect(server.requests.some(({ prompt }) => prompt.includes("Only b, please"))).toBe(true);
      expect((await listed(bed)).map((loop) => `${loop.id.slice(id.length)} ${loop.status}`)).toEqual([
        " complete",
        "-001 invalidated",
        "-002 invalidated",
        "-003 complete",
      ]);
      expect([repo.read("a.txt"), repo.read("b.txt")]).toEqual(["a\n", "B\n"]);
      expect(repo.git("rev-parse", `refs/loopr/archive/${id}/1`)).toBe(old);
      expect(repo.git("show", `refs/loopr/loops/${id}-001:a.txt`)).toBe("A");
      await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
      const late = await loopr(["invalidate", id]);
      expect(late.stderr).toMatch(/is merged: none of it can run again[^]*loopr undo/);
    },
    { files },
  );
});

test("one code loop invalidated: it runs again, and what was integrated after it is integrated anew", async () => {
  let again = false;
  let cWaits = false;
  const held = Promise.withResolvers<void>();
  const handler: Handler = async (request) => {
    if (request.tools.includes("create_plan"))
      return request.turn === 0 ? [planOf([spec("a"), spec("b", ["a"]), spec("c", ["b"])])] : [text("Done.")];
    if (request.turn > 0) return [text("Done.")];
    const letter = letterOf(request);
    if (letter === "c" && !again) {
      cWaits = true;
      await new Promise<void>(() => undefined);
    }
    // Until c has been resumed: a run of which nothing else is at work would be paused with it.
    if (letter === "a" && again) await held.promise;
    return [loud(letter, letter === "a" && again ? "AGAIN" : undefined)];
  };
  await withRuns(
    handler,
    async (bed) => {
      const { home, repo, env, loopr } = bed;
      const base = repo.git("rev-parse", "main");
      const client = home.start(run, { cwd: repo.dir, env });
      // It runs a moment before it has asked the model.
      const waits = async () =>
        cWaits && (await statuses(bed)).join() === "complete,complete,complete,running";
      await until(waits, 20_000);
      const id = (await listed(bed))[0]?.id ?? "";
      again = true;
      const result = json(await loopr(["invalidate", `${id}-001`, "-m", "Say it again", "--json"]));
      expect(result["loops"]).toMatchObject([{ id: `${id}-001` }]);
      // The one that waits for the model knows nothing of it.
      expect(await loopr(["pause", `${id}-003`])).toMatchObject({ code: 0 });
      expect(await loopr(["resume", `${id}-003`])).toMatchObject({ code: 0 });
      held.resolve();
      expect((await client.wait()).code).toBe(0);
      expect(repo.read("a.txt")).toBe("AGAIN\n");
      expect(repo.git("log", "--format=%s", `${base}..main`).split("\n").toSorted()).toEqual(["a", "b", "c"]);
      expect(repo.git("show", `refs/loopr/archive/${id}-001/1:a.txt`)).toBe("A");
    },
    { files },
  );
});

test("loops at work rebase between iterations onto what others have integrated; a conflict is feedback", async () => {
  const shared = { ...files, "list.txt": "one\ntwo\n" };
  let integrated: Promise<unknown> = Promise.resolve();
  const seen: string[] = [];
  const handler: Handler = async (request) => {
    if (request.tools.includes("create_plan"))
      return request.turn === 0 ? [planOf([spec("a"), spec("b"), spec("c")])] : [text("Done.")];
    const letter = letterOf(request);
    if (letter === "a")
      return request.turn === 0
        ? [loud("a"), tool("write_file", { path: "list.txt", content: "one\ntwo\nof a\n" })]
        : [text("Done.")];
    // The others end their first iteration, which fails its check, only when a is on the run's branch.
    if (!request.prompt.includes("<feedback")) {
      if (request.turn === 0)
        return letter === "c"
          ? [loud("c", "broken")]
          : [loud("b", "broken"), tool("write_file", { path: "list.txt", content: "one\ntwo\nof b\n" })];
      await integrated;
      return [text("Done.")];
    }
    if (request.turn === 0) return [tool("run_command", { command: "cat a.txt list.txt; ls" })];
    if (request.turn > 1) return [text("Done.")];
    seen.push(`${letter}: ${request.results[0]?.content ?? ""}`);
    if (letter === "b") seen.push(request.prompt);
    const both = tool("write_file", { path: "list.txt", content: "one\ntwo\nof a\nof b\n" });
    return letter === "c" ? [loud("c")] : [loud("b"), both];
  };
  await withRuns(
    handler,
    async (bed) => {
      const { repo, loopr } = bed;
      integrated = until(
        () => repo.git("log", "--format=%s", "--branches=loopr/*").split("\n").includes("a"),
        20_000,
        "a to be integrated",
      );
      const base = repo.git("rev-parse", "main");
      expect(await loopr(run, { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
      expect(seen.find((one) => one.startsWith("c: "))).toContain("A\none\ntwo\nof a");
      // In conflict, it begins at the newest state and is shown the hunks.
      expect(seen.find((one) => one.startsWith("b: "))).toContain("A\none\ntwo\nof a");
      expect(seen.find((one) => one.includes("<feedback"))).toMatch(
        /conflicts with yours in: list\.txt[^]*<<<<<<< already integrated\nof a\n=======\nof b\n>>>>>>> this loop's work/,
      );
      expect(repo.read("list.txt")).toBe("one\ntwo\nof a\nof b\n");
      expect(repo.git("log", "--format=%s", `${base}..main`).split("\n").toSorted()).toEqual(["a", "b", "c"]);
      const loops = await listed(bed);
      const events = json(await loopr(["status", loops[2]?.id ?? "", "-d", "--json"]));
      expect(JSON.stringify(events["context"])).toContain("conflicts with yours");
    },
    { files: shared },
  );
});
