// The commands that look at loops and act on them, against a daemon in memory.
import { describe, expect, test } from "bun:test";
import {
  failing,
  FakeDaemon,
  makeEvidence,
  makeLoop,
  rootId,
  testContext,
  testPorts,
} from "../../test/support/fake-daemon.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { cancel, merge, pause, remove, resume } from "./act.ts";
import { exitCodeOf } from "./context.ts";
import { diff, diffLines } from "./diff.ts";
import { approve, iterate, reject } from "./gate.ts";
import { list } from "./list.ts";
import { logs } from "./logs.ts";
import { resolveLoop } from "./resolve.ts";
import { status } from "./status.ts";
import { watch } from "./watch.ts";

const child = `${rootId}-001`;
const other = "1700000000001-a1b2ffffffffffff";
const style = { colour: false, unicode: true, columns: null };

describe("abbreviated ids", () => {
  const daemon = () =>
    new FakeDaemon(makeLoop(), makeLoop({ id: child }), makeLoop({ id: other, title: "Another\x07" }));

  for (const [typed, id] of [
    ["a1b2c", rootId],
    ["A1B2C.001", child],
    [rootId, rootId],
    [child, child],
    ["a1b2f", other],
  ] as const) {
    test(typed, async () => expect((await resolveLoop(daemon(), typed, style)).loop.id).toBe(id));
  }

  test("an ambiguous one lists what it could be", async () => {
    const error = await failing(resolveLoop(daemon(), "a1b2", style));
    expect(error.message).toBe("'a1b2' could be any of 2 loops");
    expect(error.hint).toContain("a1b2c  ● Add a flag");
    expect(error.hint).toContain("a1b2f  ● Another");
    expect(exitCodeOf(error)).toBe(2);
  });

  for (const typed of ["ffff", "", "a1b2c.009", "nonsense", "a1b2c3d4e5f607180"]) {
    test(`unknown: ${JSON.stringify(typed)}`, async () => {
      const error = await failing(resolveLoop(daemon(), typed, style));
      expect(error.message).toBe(`Loop not found: ${typed}`);
      expect(exitCodeOf(error)).toBe(1);
    });
  }
});

describe("list", () => {
  const world = () => {
    const daemon = new FakeDaemon(
      makeLoop({ run_state: "executing", status: "complete" }),
      makeLoop({ id: child, status: "failed", title: "Parser" }),
      makeLoop({ id: `${rootId}-002`, status: "running", title: "Printer" }),
      makeLoop({ id: other, project: "/elsewhere", run_state: "merged", status: "complete", title: "Old" }),
    );
    const everything = [...daemon.loops.values()];
    daemon.answers["loop.list"] = ({ project }) => ({
      loops: everything.filter((loop) => !project || loop.project === project),
    });
    return daemon;
  };
  const listed = async (typed: Record<string, unknown>, daemon = world(), json = false) => {
    const context = testContext({ json });
    expect(await list(context, [], typed, testPorts(daemon))).toBe(0);
    return context;
  };

  test("keeps to the project, its ids unambiguous among all", async () => {
    const { out } = await listed({});
    expect(out).toHaveLength(3);
    expect(out[0]).toContain("a1b2c ");
    expect(out[1]).toContain("├─ a1b2c.001");
  });

  test("-a shows all projects, and so does a directory outside of any", async () => {
    expect((await listed({ allProjects: true })).out).toHaveLength(4);
    const daemon = world();
    const answer = daemon.answers["loop.list"];
    daemon.answers["loop.list"] = (params) => {
      if (params.project)
        throw new RpcError(rpcCodes.invalidState, "no repository", { reason: "not_a_repository" });
      return answer?.(params) ?? { loops: [] };
    };
    expect((await listed({}, daemon)).out).toHaveLength(4);
  });

  test("-s and -t keep the way to what matches", async () => {
    const { out } = await listed({ status: "failed" });
    expect(out).toHaveLength(2);
    expect(out[1]).toContain("Parser");
    expect((await listed({ status: "merged", allProjects: true })).out).toHaveLength(1);
    expect((await listed({ type: "plan" })).out).toHaveLength(1);
  });

  test("--json holds only what matches", async () => {
    const { printed } = await listed({ type: "code" }, world(), true);
    expect(printed).toMatchObject([{ loops: [{ id: child }, { id: `${rootId}-002` }] }]);
  });

  test("nothing is said friendly", async () => {
    expect((await listed({}, new FakeDaemon())).out.join()).toContain("No loops in this project yet");
    expect((await listed({ status: "paused" })).out).toEqual(["No loop matches."]);
    expect((await listed({}, new FakeDaemon(), true)).printed).toEqual([{ loops: [] }]);
  });

  for (const typed of [{ status: "done" }, { type: "epic" }]) {
    test(`${JSON.stringify(typed)} is wrong usage`, async () => {
      const error = await failing(list(testContext(), [], typed, testPorts(world())));
      expect(exitCodeOf(error)).toBe(2);
      expect(error.hint).toContain("one of ");
    });
  }

  test("other refusals pass through", async () => {
    const daemon = world();
    daemon.answers["loop.list"] = () => {
      throw new RpcError(rpcCodes.internal, "broken");
    };
    expect((await failing(list(testContext(), [], {}, testPorts(daemon)))).message).toContain("broken");
  });
});

describe("status", () => {
  const world = () => {
    const context = {
      ...makeLoop().context,
      feedback: [{ iteration: 1, layer: "check", text: "2 tests fail\x1b[2J" }],
    };
    const daemon = new FakeDaemon(
      makeLoop({ run_state: "executing", status: "complete" }),
      makeLoop({ id: child, iteration: 2, context, title: "Parser" }),
    );
    daemon.evidence.push(
      makeEvidence({ stage: "baseline", iteration: 0, exit: 1 }),
      makeEvidence({ loop_id: child, exit: 1, sandboxed: false }),
    );
    daemon.iterations.push({
      loop_id: child,
      iteration: 1,
      started_at: 1_700_000_000_000,
      ended_at: 1_700_000_030_000,
      outcome: "failed",
      layer: "check",
      feedback: "2 tests fail",
      commit: "c0ffee1234567",
      tree: "7ee",
      diffstat: "1 file changed",
      turns: 3,
      tool_calls: 1,
      model_retries: 0,
      tokens_in: 1,
      tokens_out: 1,
      cost_usd: 0.1,
      directory: "/x",
    });
    return daemon;
  };
  const shown = async (typed: Record<string, unknown>, id = "a1b2", daemon = world()) => {
    const context = testContext();
    expect(await status(context, [id], typed, testPorts(daemon))).toBe(0);
    return context.out.join("\n");
  };

  test("of a run: state, cost of all, branch, descendants", async () => {
    const text = await shown({});
    expect(text).toContain("executing");
    expect(text).toContain("$0.50");
    expect(text).toContain("loopr/add-a-flag-a1b2c3d4");
    expect(text).toContain("1 descendant:");
    expect(text).toContain("● a1b2.001");
    expect(text).toContain("UNSANDBOXED");
    expect(text).not.toContain("Iterations of");
  });

  test("of a child: its last feedback, harmless", async () => {
    const text = await shown({}, "a1b2.001");
    expect(text).toContain("2 of at most 10");
    expect(text).toContain("of iteration 1 (check)");
    expect(text).toContain("2 tests fail");
    expect(text).not.toContain("\x1b");
  });

  test("-d: every iteration with the evidence of its checks", async () => {
    const text = await shown({ detail: true });
    expect(text).toContain("a1b2 baseline: npm test ended with exit code 1");
    expect(text).toContain(
      "1. did not pass (check): 30 s, 3 turns, 1 tool call, $0.10, commit c0ffee1234, 1 file changed",
    );
    expect(text).toContain(
      "✗ a1b2.001 iteration 1: npm test ended with exit code 1 after 1.5 s, unsandboxed, tree 7ee0000000",
    );
  });

  test("of a plan that waits: the plan, and how to decide", async () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "awaiting_approval", status: "awaiting_approval" }));
    const text = await shown({}, "a1b2", daemon);
    expect(text).toContain("The plan.");
    expect(text).toContain("loopr approve a1b2");
  });

  test("--json is the Loop, with -d its records beside", async () => {
    const context = testContext({ json: true });
    await status(context, ["a1b2.001"], {}, testPorts(world()));
    await status(context, ["a1b2.001"], { detail: true }, testPorts(world()));
    expect(context.printed[0]).toMatchObject({ id: child, description: "add a flag" });
    expect(context.printed[0]).not.toHaveProperty("evidence");
    expect(context.printed[1]).toMatchObject({
      id: child,
      evidence: [{ iteration: 1 }],
      iteration_records: [{ turns: 3 }],
    });
  });
});

describe("watch", () => {
  const watching = (then: (daemon: FakeDaemon) => void, args: string[] = ["a1b2"], json = false) => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "executing" }), makeLoop({ id: child }));
    const context = testContext({ json });
    const ports = testPorts(daemon);
    const ended = watch(context, args, {}, ports);
    setTimeout(() => then(daemon), 5);
    return { daemon, context, ports, ended };
  };

  test("with an id it ends with the run, by its exit code, and shows what loops say", async () => {
    const { context, ended } = watching((it) => {
      it.send({ event: "loop.output", data: { id: child, stream: "model", text: "hello\n" } });
      it.go("awaiting_approval", "awaiting_approval", { waiting_for: "approval" }); // no end
      it.go("failed", "failed");
    });
    expect(await ended).toBe(1);
    const text = context.out.join("\n");
    expect(text).toContain("● executing");
    expect(text).toContain("│ hello");
    expect(text).toContain("waiting for approval");
    expect(context.notes.join()).toContain("error: the run failed");
  });

  test("a run that has ended already is told and ends at once", async () => {
    const context = testContext();
    const daemon = new FakeDaemon(makeLoop({ run_state: "merged", status: "complete" }));
    expect(await watch(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.out.join("\n")).toContain("✓ merged");
  });

  test("a child ends with itself", async () => {
    const { ended } = watching((it) => it.update({ status: "complete" }, child), ["a1b2.001"]);
    expect(await ended).toBe(0);
  });

  test("--json is one event a line, as it came, without heartbeats", async () => {
    const { context, ended } = watching(
      (it) => {
        it.send({ event: "stream.heartbeat", data: { seq: 1 } });
        it.emit("loop.celebrated", { id: child, more: 1 });
        it.go("merged", "complete");
      },
      ["a1b2"],
      true,
    );
    expect(await ended).toBe(0);
    expect(context.printed).toMatchObject([
      { event: "loop.celebrated", data: { id: child, more: 1 }, seq: 1 },
      { event: "loop.updated", data: { run_state: "merged" } },
    ]);
  });

  test("without an id it goes on, also over new runs, until Ctrl-C", async () => {
    const { context, ports, ended } = watching((it) => {
      it.go("merged", "complete");
      it.update({ title: "New" }, other);
      ports.interrupt();
    }, []);
    expect(await ended).toBe(130);
    const text = context.out.join("\n");
    expect(text).toContain("✓ merged");
    expect(text).toContain("plan loop: New");
    expect(text).toContain("a1b2f");
  });

  test("a daemon that is gone for good is an error", async () => {
    const { ended } = watching((it) => it.setState("closed"), []);
    expect(exitCodeOf(await failing(ended))).toBe(4);
  });
});

describe("diff", () => {
  const text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\x1b[31m\n";
  const shown = async (answer: { diff: string; truncated: boolean }, json = false) => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.answers["loop.diff"] = () => answer;
    const context = testContext({ json });
    expect(await diff(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    return context;
  };

  test("piped it is exactly the diff, and says elsewhere that it was cut", async () => {
    const context = await shown({ diff: text, truncated: true });
    expect(context.out.join("\n") + "\n").toBe(text);
    expect(context.notes.join()).toContain("was cut");
  });

  test("without changes says so", async () => {
    const context = await shown({ diff: "", truncated: false });
    expect(context.out).toEqual([]);
    expect(context.notes).toEqual(["a1b2 has changed nothing"]);
  });

  test("--json", async () => {
    expect((await shown({ diff: text, truncated: false }, true)).printed).toEqual([
      { id: rootId, diff: text, truncated: false },
    ]);
  });

  test("for a terminal it is coloured, and what a terminal would obey is written out", () => {
    const lines = diffLines({ ...style, colour: true }, text, true);
    expect(lines[3]).toBe("\x1b[36m@@ -1 +1 @@\x1b[0m");
    expect(lines[4]).toBe("\x1b[31m-old\x1b[0m");
    expect(lines[5]).toBe("\x1b[32m+new^[[31m\x1b[0m");
    expect(lines.at(-1)).toContain("was cut here");
    expect(diffLines(style, "", false)).toEqual([]);
  });
});

describe("logs of a loop", () => {
  test("shows what is stored, harmless", async () => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.answers["loop.output"] = () => ({ output: "one\x1b[2J\ntwo\n", truncated: true });
    const context = testContext();
    expect(await logs(context, ["a1b2"], { iteration: "2" }, testPorts(daemon))).toBe(0);
    expect(context.out).toEqual(["one\ntwo"]);
    expect(context.notes.join()).toContain("only the end");
    expect(daemon.called("loop.output")).toEqual([{ id: rootId, iteration: 2 }]);
  });

  test("nothing said yet", async () => {
    const context = testContext();
    await logs(context, ["a1b2"], {}, testPorts(new FakeDaemon(makeLoop())));
    expect(context.notes).toEqual(["a1b2 has said nothing yet"]);
  });

  test("-f goes on with the run's output until it ends, over a lost connection", async () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "executing" }), makeLoop({ id: child }));
    let stored = "one\n";
    daemon.answers["loop.output"] = ({ id }) => ({ output: id === rootId ? stored : "", truncated: false });
    const context = testContext();
    const ended = logs(context, ["a1b2"], { follow: true }, testPorts(daemon));
    setTimeout(() => {
      daemon.send({ event: "loop.output", data: { id: rootId, stream: "model", text: "two\n" } });
      daemon.setState("reconnecting");
      stored = "one\ntwo\nthree\n";
      daemon.setState("connected");
      setTimeout(() => {
        daemon.send({ event: "loop.output", data: { id: child, stream: "model", text: "four" } });
        daemon.go("merged", "complete");
      }, 5);
    }, 5);
    expect(await ended).toBe(0);
    expect(context.out).toEqual(["one", "two", "three", "==> a1b2.001 <==", "four"]);
  });

  for (const typed of [{ iteration: "0" }, { iteration: "x" }, { iteration: "1", follow: true }]) {
    test(`${JSON.stringify(typed)} is wrong usage`, async () => {
      expect(
        exitCodeOf(
          await failing(logs(testContext(), ["a1b2"], typed, testPorts(new FakeDaemon(makeLoop())))),
        ),
      ).toBe(2);
    });
  }
});

describe("the gate", () => {
  const gateOf = () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "awaiting_approval", status: "awaiting_approval" }));
    daemon.answers["plan.approve"] = () => ({ approved: true, specs_spawned: 2 });
    daemon.answers["plan.reject"] = () => ({ rejected: true });
    daemon.answers["plan.iterate"] = () => ({ iterated: true, feedback_received: true });
    return daemon;
  };

  test("approve says what was made", async () => {
    const context = testContext();
    expect(await approve(context, ["a1b2"], {}, testPorts(gateOf()))).toBe(0);
    expect(context.out[0]).toBe('Approved a1b2 "Add a flag": 2 loops made');
  });

  test("reject with and without a reason", async () => {
    const daemon = gateOf();
    await reject(testContext(), ["a1b2"], { reason: " too big " }, testPorts(daemon));
    await reject(testContext(), ["a1b2"], {}, testPorts(daemon));
    expect(daemon.called("plan.reject")).toEqual([
      { id: rootId, reason: "too big" },
      { id: rootId, reason: null },
    ]);
  });

  test("iterate needs feedback", async () => {
    const daemon = gateOf();
    expect(await iterate(testContext(), ["a1b2"], { message: "smaller" }, testPorts(daemon))).toBe(0);
    expect(daemon.called("plan.iterate")).toEqual([{ id: rootId, feedback: "smaller" }]);
    expect(
      exitCodeOf(await failing(iterate(testContext(), ["a1b2"], { message: " " }, testPorts(daemon)))),
    ).toBe(2);
  });

  test("--json", async () => {
    const context = testContext({ json: true });
    await approve(context, ["a1b2"], {}, testPorts(gateOf()));
    expect(context.printed).toEqual([{ id: rootId, approved: true, specs_spawned: 2 }]);
  });

  test("a refusal is exit 1", async () => {
    const daemon = gateOf();
    daemon.answers["plan.approve"] = () => {
      throw new RpcError(rpcCodes.invalidState, "plan is running", { reason: "invalid_state" });
    };
    expect(exitCodeOf(await failing(approve(testContext(), ["a1b2"], {}, testPorts(daemon))))).toBe(1);
  });
});

describe("acting on a run", () => {
  const world = () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "executing" }), makeLoop({ id: child }));
    daemon.answers["loop.pause"] = () => ({ paused: true });
    daemon.answers["loop.resume"] = () => ({ resumed: true });
    daemon.answers["loop.cancel"] = () => ({ cancelled: true });
    daemon.answers["loop.delete"] = () => ({ deleted: true });
    return daemon;
  };
  for (const [name, action, method, says, result] of [
    ["pause", pause, "loop.pause", "Paused a1b2", { paused: true }],
    ["resume", resume, "loop.resume", "Resumed a1b2", { resumed: true }],
    ["cancel", cancel, "loop.cancel", "Cancelled a1b2", { cancelled: true }],
    ["delete", remove, "loop.delete", "Deleted a1b2", { deleted: true }],
  ] as const) {
    test(`${name} says what happened`, async () => {
      const daemon = world();
      const context = testContext();
      expect(await action(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
      expect(context.out[0]).toStartWith(says);
      expect(daemon.called(method)).toEqual([{ id: rootId }]);
      const json = testContext({ json: true });
      await action(json, ["a1b2"], {}, testPorts(daemon));
      expect(json.printed).toEqual([{ id: rootId, ...result }]);
      expect(json.out).toEqual([]);
    });
  }
});

describe("merge", () => {
  const verified = (then: (daemon: FakeDaemon) => void) => {
    const old = { code: "merge_dirty", message: "it was dirty", hint: "" };
    const daemon = new FakeDaemon(
      makeLoop({ run_state: "verified", status: "complete", waiting_for: "merge", failure: old }),
    );
    daemon.answers["plan.merge"] = () => {
      daemon.go("verified", "complete", { progress: "merging" });
      setTimeout(() => then(daemon), 1);
      return { merging: true };
    };
    return daemon;
  };

  test("merged: 0", async () => {
    const context = testContext();
    const daemon = verified((it) => {
      it.emit("merge.completed", { id: rootId, commit: "abcdef", branch: "main" });
      it.go("merged", "complete");
    });
    expect(await merge(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.out.join("\n")).toContain("merged onto main");
  });

  test("blocked: 6 and the command to run", async () => {
    const context = testContext();
    const failure = { code: "merge_dirty", message: "the checkout has changes", hint: "git -C /repo stash" };
    const daemon = verified((it) => {
      it.go("verified", "complete", { waiting_for: "merge", failure });
      it.emit("merge.conflict", { id: rootId, message: failure.message, hint: failure.hint });
    });
    expect(await merge(context, ["a1b2"], {}, testPorts(daemon))).toBe(6);
    expect(context.notes.at(-1)).toBe("waiting: the checkout has changes\n  hint: git -C /repo stash");
  });

  test("sent back to its loops and failed there: 1", async () => {
    const daemon = verified((it) => {
      it.go("executing", "complete");
      it.go("failed", "complete");
    });
    expect(await merge(testContext(), ["a1b2"], {}, testPorts(daemon))).toBe(1);
  });

  test("the request lost with the connection is made again where it had no effect", async () => {
    const daemon = verified((it) => it.go("merged", "complete"));
    const answer = daemon.answers["plan.merge"];
    daemon.answers["plan.merge"] = () => {
      daemon.answers["plan.merge"] = answer;
      daemon.setState("reconnecting");
      setTimeout(() => daemon.setState("connected"), 1);
      throw new LooprError("connection_lost", "lost");
    };
    expect(await merge(testContext(), ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(daemon.called("plan.merge")).toHaveLength(2);
  });

  test("a refusal passes through", async () => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.answers["plan.merge"] = () => {
      throw new RpcError(rpcCodes.invalidState, "it is planning", { reason: "invalid_state" });
    };
    expect((await failing(merge(testContext(), ["a1b2"], {}, testPorts(daemon)))).message).toContain(
      "it is planning",
    );
  });
});
