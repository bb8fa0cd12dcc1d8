import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { cancel, merge, pause, remove, resume } from "./act.ts";

const child = `${rootId}-001`;

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

test("cancel names the branch only where something is integrated on it", async () => {
  const integrated = { ...makeLoop().context, integrated_commit: "abc" };
  for (const [of, names] of [
    [{}, false],
    [{ context: integrated }, true],
  ] as const) {
    const daemon = new FakeDaemon(
      makeLoop({ branch: "loopr/x-a1b2" }),
      makeLoop({ id: child, loop_type: "code", iteration: 1, ...of }),
    );
    daemon.answers["loop.cancel"] = () => ({ cancelled: true });
    const context = testContext();
    await cancel(context, ["a1b2"], {}, testPorts(daemon));
    expect(context.out.join("\n").includes("loopr/x-a1b2")).toBe(names);
    expect(context.out.join("\n").includes("loopr diff a1b2.001")).toBe(!names);
  }
});

test("a refusal names loops as people type them; for programs as they are", async () => {
  const daemon = new FakeDaemon(makeLoop());
  daemon.answers["loop.pause"] = () => {
    throw new RpcError(rpcCodes.invalidState, `run ${rootId} is merged`, {
      reason: "invalid_state",
      hint: `loopr status ${rootId}`,
    });
  };
  expect(await failing(pause(testContext(), ["a1b2"], {}, testPorts(daemon)))).toMatchObject({
    message: "run a1b2 is merged",
    hint: "loopr status a1b2",
    reason: "invalid_state",
  });
  expect(await failing(pause(testContext({ json: true }), ["a1b2"], {}, testPorts(daemon)))).toMatchObject({
    message: `run ${rootId} is merged`,
  });
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
