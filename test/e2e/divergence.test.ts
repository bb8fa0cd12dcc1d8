// The target moves under a running plan, and children fail: what the run does about it by itself.
import { describe, expect, test } from "bun:test";
import { until } from "../support/harness.ts";
import { hang, text, tool, type Handler, type RecordedRequest } from "../support/model-server.ts";
import { json, plainPlans, withRuns, writeUserConfig, type RunBed } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const files = { "a.txt": "a\n", "b.txt": "b\n", "test.sh": "! grep -q broken *.txt\n" };
const run = ["run", "--check", "sh test.sh", "--levels", "plan,code", "Louder", "--yes", "--json"];
const specs = (...names: string[]) =>
  tool("create_plan", {
    title: "Louder",
    summary: "Louder.",
    specs: names.map((name) => ({
      name,
      description: `Make ${name}.txt loud`,
      depends_on: [],
      level: "code",
    })),
  });
const write = (name: string, content: string) => tool("write_file", { path: `${name}.txt`, content });
const letterOf = (request: RecordedRequest) => /<task>\nMake (\w)\.txt/.exec(request.prompt)?.[1] ?? "?";

function configure({ home }: RunBed, yml: string): void {
  writeUserConfig(home, plainPlans + yml);
}

interface Told {
  event: string;
  data: Record<string, unknown>;
}

describe("the target moves while loops are at work", () => {
  /** b works until `done`; what happens in between `meanwhile` does in its first iteration. */
  const handlerOf = (
    meanwhile: () => Promise<void> | void,
    done: () => Promise<boolean> | boolean,
  ): Handler => {
    let moved = false;
    return async (request) => {
      if (request.tools.includes("create_plan"))
        return request.turn === 0 ? [specs("a", "b")] : [text("Done.")];
      const letter = letterOf(request);
      if (request.turn > 0) return [text("Done.")];
      if (letter === "a") return [write("a", "A\n")];
      if (!moved) {
        moved = true;
        await meanwhile();
        return [write("b", "broken\n")];
      }
      return [write("b", (await done()) ? "B\n" : `broken ${Math.random()}\n`)];
    };
  };
  const move = (repo: RunBed["repo"]) => {
    repo.write("other.txt", "meanwhile\n");
    repo.git("add", "-A");
    repo.git("commit", "-qm", "Meanwhile");
  };
  const subjects = (repo: RunBed["repo"], of: string) => repo.git("log", "--format=%s", of).split("\n");

  test("noticed by the slow look too, while nothing ends and no event tells of it", async () => {
    await withRuns(
      (request) =>
        request.tools.includes("create_plan") ? [request.turn === 0 ? specs("a") : text("Done.")] : hang(),
      async (runs) => {
        configure(runs, "git: { divergence: pause }\n");
        const { home, repo, server } = runs;
        const env = { ...runs.env, LOOPR_DEBUG_TICK_MS: "50" };
        const client = home.start(run, { cwd: repo.dir, env });
        await until(() => server.requests.length > 2, 20_000, "the loop to be at work");
        move(repo);
        expect((await client.wait(20_000)).code).toBe(6);
        const loops = json(await runs.loopr(["list", "--json"]))["loops"] as Record<string, unknown>[];
        expect(loops.find(({ parent_id }) => parent_id === null)).toMatchObject({ run_state: "paused" });
        expect(server.requests).toHaveLength(3);
      },
      { files },
    );
  });

  test("rebase, the default: the run's branch follows at once, checked there, and the loop at work with it", async () => {
    const bed: { current: RunBed | null } = { current: null };
    const follows = () => {
      const { repo } = bed.current ?? {};
      return repo ? subjects(repo, "--branches=loopr/*").includes("Meanwhile") : false;
    };
    const integrated = () =>
      subjects(bed.current?.repo as RunBed["repo"], "--branches=loopr/*").includes("a");
    const handler = handlerOf(async () => {
      await until(integrated, 20_000, "a to be integrated");
      if (bed.current) move(bed.current.repo);
    }, follows);
    await withRuns(
      handler,
      async (runs) => {
        bed.current = runs;
        const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
        const result = await client.wait(45_000);
        expect(result.code).toBe(0);
        expect(subjects(runs.repo, "main")).toEqual(["b", "a", "Meanwhile", "First"]);
        const checks = (JSON.parse(result.stdout) as { checks: { stage: string; passed: boolean }[] }).checks;
        expect(checks.filter(({ stage }) => stage === "final")).toMatchObject([{ passed: true }]);
        const moved = runs.repo.git("rev-parse", "main~2");
        const told = await storedEvents(runs, "target.moved");
        expect(told).toMatchObject([{ branch: "main", to: moved, outcome: "rebased" }]);
      },
      { files },
    );
  });

  test("pause: exit 6 and why; resumed it goes on and is rebased at its end", async () => {
    const bed: { current: RunBed | null } = { current: null };
    // What the queue does about the target is done beside the loop: b must not be done before it.
    let resumed = false;
    const handler = handlerOf(
      () => {
        if (bed.current) move(bed.current.repo);
      },
      () => resumed,
    );
    await withRuns(
      handler,
      async (runs) => {
        bed.current = runs;
        configure(runs, "git: { divergence: pause }\n");
        const result = await runs.loopr(run);
        expect(result.code).toBe(6);
        const id = String(json(result)["id"]);
        const loops = json(await runs.loopr(["list", "--json"]))["loops"] as Record<string, unknown>[];
        const paused = loops.find(({ status }) => status === "paused");
        expect(paused).toMatchObject({ waiting_for: "divergence", failure: { code: "target_moved" } });
        resumed = true;
        expect(await runs.loopr(["resume", id])).toMatchObject({ code: 0 });
        expect(await runs.loopr(["watch", id])).toMatchObject({ code: 0 });
        expect(subjects(runs.repo, "main").slice(2)).toEqual(["Meanwhile", "First"]);
      },
      { files },
    );
  });

  test("pause: so does a run whose only loop is at work; each further commit is asked about again", async () => {
    const bed: { current: RunBed | null } = { current: null };
    const handler: Handler = (request) => {
      if (request.turn > 0) return [text("Done.")];
      if (bed.current) move(bed.current.repo);
      return [write("a", "A\n")];
    };
    await withRuns(
      handler,
      async (runs) => {
        bed.current = runs;
        const { repo, loopr } = runs;
        configure(runs, "git: { divergence: pause }\n");
        const alone = ["run", "--depth", "code", "--check", "sh test.sh", "Louder", "--yes", "--json"];
        const result = await loopr(alone);
        expect(result.code).toBe(6);
        const paused = { run_state: "paused", waiting_for: "divergence", failure: { code: "target_moved" } };
        expect(json(result)).toMatchObject(paused);
        expect(subjects(repo, "main")).toEqual(["Meanwhile", "First"]);
        const id = String(json(result)["id"]);
        // Nobody resumes it: neither does a new daemon.
        expect(await loopr(["daemon", "restart"])).toMatchObject({ code: 0 });
        expect(json(await loopr(["status", id, "--json"]))).toMatchObject(paused);

        repo.git("commit", "-q", "--allow-empty", "-m", "Once more");
        expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
        const asked = async () => (await storedEvents(runs, "target.moved")).length === 2;
        await until(asked, 20_000, "the second commit to be asked about");
        expect(json(await loopr(["status", id, "--json"]))).toMatchObject(paused);
        expect(subjects(repo, "main")).toEqual(["Once more", "Meanwhile", "First"]);

        expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
        expect(await loopr(["watch", id])).toMatchObject({ code: 0 });
        expect(subjects(repo, "main").slice(1)).toEqual(["Once more", "Meanwhile", "First"]);
        expect(await storedEvents(runs, "target.moved")).toMatchObject([
          { outcome: "pause" },
          { outcome: "pause" },
        ]);
      },
      { files },
    );
  });

  test("continue: told, and met at the end", async () => {
    const bed: { current: RunBed | null } = { current: null };
    const handler = handlerOf(
      () => {
        if (bed.current) move(bed.current.repo);
      },
      async () => {
        return bed.current !== null && (await storedEvents(bed.current, "target.moved")).length > 0;
      },
    );
    await withRuns(
      handler,
      async (runs) => {
        bed.current = runs;
        configure(runs, "git: { divergence: continue }\n");
        expect(await runs.loopr(run)).toMatchObject({ code: 0 });
        expect(await storedEvents(runs, "target.moved")).toMatchObject([{ outcome: "kept" }]);
        expect(subjects(runs.repo, "main").slice(2)).toEqual(["Meanwhile", "First"]);
      },
      { files },
    );
  });
});

describe("the target has moved on so that a commit of the run fails there,", () => {
  const louder: Handler = (request) => {
    if (request.tools.includes("create_plan"))
      return request.turn === 0 ? [specs("a", "b", "c")] : [text("Done.")];
    if (request.turn > 0) return [text("Done.")];
    const letter = letterOf(request);
    return [write(letter, request.prompt.includes("moved on") ? "AA\n" : `${letter.toUpperCase()}\n`)];
  };
  /** Runs a, b and c, while the person commits a test that also wants what `rule` says. */
  const meanwhile = async (rule: string, body: (bed: RunBed, history: string[]) => Promise<void>) => {
    let happen: () => void = () => undefined;
    const handler: Handler = (request, n) => {
      if (n === 1) happen();
      return louder(request, n);
    };
    const one = { "c.txt": "c\n", ...files };
    await withRuns(
      handler,
      async (bed) => {
        const { home, repo, loopr } = bed;
        configure(bed, "git: { divergence: continue }\nconcurrency: { loops: 1 }\n");
        happen = () => {
          repo.write("test.sh", `${files["test.sh"].trim()} && { ${rule}; }\n`);
          repo.git("commit", "-qam", "A new rule");
        };
        const result = await loopr(run);
        expect(result).toMatchObject({ code: 0 });
        const { id, verified } = json(result);
        expect(verified).toBe(true);
        expect(result.stderr).not.toContain("UNVERIFIED");
        expect(json(await loopr(["evidence", String(id), "--json"]))).toMatchObject({ verified: true });
        const history = repo.git("rev-list", "--reverse", "--first-parent", "main").split("\n");
        for (const commit of history) {
          const checked = await home.exec(
            "sh",
            ["-c", `rm -rf at && mkdir at && git archive ${commit} | tar -x -C at && cd at && sh test.sh`],
            { cwd: repo.dir },
          );
          expect(`${repo.git("log", "-1", "--format=%s", commit)}: ${checked.code}`).toEndWith(": 0");
          if (repo.git("log", "-1", "--format=%B", commit).includes("Loopr-Loop"))
            expect(await loopr(["verify", commit])).toMatchObject({ code: 0 });
        }
        await body(
          bed,
          history.map((commit) => repo.git("log", "-1", "--format=%s", commit)),
        );
      },
      { files: one },
    );
  };

  test("while later ones mend it: they are one commit, and nobody works on it again", async () => {
    await meanwhile(
      '[ "$(cat a.txt)" = a ] || [ "$(cat b.txt)" = B ]',
      async ({ repo, server, loopr }, history) => {
        expect(history).toEqual(["First", "A new rule", "a; b", "c"]);
        expect(server.requests.filter(({ turn }) => turn === 0)).toHaveLength(4);
        const { loops } = json(await loopr(["list", "--json"])) as { loops: { id: string; title: string }[] };
        const named = repo.git("log", "-1", "--format=%(trailers:key=Loopr-Loop,valueonly)", "main~1");
        const ids = loops.filter(({ title }) => ["a", "b"].includes(title)).map(({ id }) => id);
        expect(named.split("\n").filter(Boolean).toSorted()).toEqual(ids.toSorted());
      },
    );
  });

  test("and all that follow, too: the loop it comes from mends it, and no failing commit is left in between", async () => {
    await meanwhile(
      '[ "$(cat a.txt)" = a ] || [ "$(cat a.txt)" = AA ]',
      async ({ repo, server }, history) => {
        expect(history).toEqual(["First", "A new rule", "a; b; c"]);
        const last = server.requests.findLast(({ turn }) => turn === 0);
        expect(last?.prompt).toContain("the target branch has moved on");
        expect(last?.prompt).toContain("<task>\nMake a.txt loud");
        expect(["a", "b", "c"].map((name) => repo.read(`${name}.txt`))).toEqual(["AA\n", "B\n", "C\n"]);
      },
    );
  });
});

/** The data of the stored events of a name, of the only run there is. */
async function storedEvents(bed: RunBed, name: string): Promise<Record<string, unknown>[]> {
  const { loops } = json(await bed.loopr(["list", "--json"])) as { loops: { id: string; root_id: string }[] };
  const root = loops[0]?.root_id ?? "";
  const socket = await wire(String(json(await bed.loopr(["daemon", "status", "--json"]))["socket"]));
  const { result } = await socket.call("loop.events", { id: root });
  socket.close();
  return (result as { events: Told[] }).events.filter(({ event }) => event === name).map(({ data }) => data);
}

test("a child that fails is started afresh by its parent, told why, in a new worktree; once", async () => {
  const prompts: string[] = [];
  const seen: string[] = [];
  const handler: Handler = (request) => {
    if (request.tools.includes("create_plan")) return request.turn === 0 ? [specs("a")] : [text("Done.")];
    if (request.turn === 0) prompts.push(request.prompt);
    const afresh = request.prompt.includes("You start afresh");
    if (afresh && request.turn === 0) return [tool("run_command", { command: "cat a.txt; ls" })];
    if (afresh && request.turn === 1) {
      seen.push(request.results[0]?.content ?? "");
      return [write("a", "A\n")];
    }
    return request.turn === 0 ? [write("a", "broken\n"), write("litter", "x\n")] : [text("Done.")];
  };
  await withRuns(
    handler,
    async (bed) => {
      const { repo, loopr } = bed;
      const result = await loopr([...run, "--max-iterations", "1"]);
      expect(result).toMatchObject({ code: 0 });
      expect(prompts).toHaveLength(2);
      expect(prompts[1]).toContain("1 iterations were not enough");
      expect(seen[0]).toStartWith("exit code 0\na\n");
      expect(seen[0]).not.toContain("litter");
      expect(await storedEvents(bed, "loop.retried")).toMatchObject([{ retry: 1 }]);
      const id = `${String(json(result)["id"])}-001`;
      expect(repo.git("show", `refs/loopr/archive/${id}/1:a.txt`)).toBe("broken");

      configure(bed, "limits: { retries: 0 }\n");
      repo.write("a.txt", "a\n");
      repo.git("commit", "-qam", "Back");
      expect(await loopr([...run, "--max-iterations", "1"])).toMatchObject({ code: 1 });
      expect(prompts).toHaveLength(3);
    },
    { files },
  );
});
