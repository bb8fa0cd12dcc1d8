import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeEvidence, rootId } from "../../test/support/fake-daemon.ts";
import type { Loop, LoopStatus, RunState } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { run } from "./run.ts";

/** A daemon on which the run that is created goes straight to a state. */
function daemonThat(
  then: (daemon: FakeDaemon) => void,
  created: { warnings?: string[]; bounds?: string } = {},
): FakeDaemon {
  const daemon = new FakeDaemon();
  daemon.answers["loop.create_plan"] = () => {
    daemon.update({});
    setTimeout(() => then(daemon), 1);
    return { id: rootId, status: "created", warnings: [], bounds: "10 iterations", ...created };
  };
  return daemon;
}

const goes = (runState: RunState, status: LoopStatus, patch: Partial<Loop> = {}) =>
  daemonThat((daemon) => daemon.go(runState, status, patch));

describe("the next step after a merge", () => {
  for (const [cwd, next] of [
    ["/repo", "git show abcdef"],
    ["/repo/src", "git show abcdef"],
    ["/repository", "git -C /repo show abcdef"],
  ] as const) {
    test(`in ${cwd}`, async () => {
      const daemon = daemonThat((it) => {
        it.emit("merge.completed", { id: rootId, commit: "abcdef", branch: "main" });
        it.go("merged", "complete");
      });
      const context = testContext({ cwd });
      expect(await run(context, ["x"], { yes: true }, testPorts(daemon))).toBe(0);
      expect(context.out.at(-1)).toBe(`  next    ${next}`);
    });
  }
});

describe("run at a terminal", () => {
  const atGate = () => goes("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
  const terminal = () => testContext({ interactive: true });
  /** After approval the run is verified, and waits to be merged. */
  const withEnding = (daemon: FakeDaemon) => {
    daemon.answers["plan.approve"] = () => {
      daemon.go("executing", "complete");
      setTimeout(() => daemon.go("verified", "complete", { waiting_for: "merge" }), 1);
      return { approved: true, specs_spawned: 2 };
    };
    daemon.answers["plan.merge"] = () => {
      daemon.update({ waiting_for: null });
      setTimeout(() => {
        daemon.emit("merge.completed", { id: rootId, commit: "abcdef", branch: "main" });
        daemon.go("merged", "complete");
      }, 1);
      return { merging: true };
    };
    return daemon;
  };

  test("shows the plan, is approved, asks to merge, merges", async () => {
    const daemon = withEnding(atGate());
    const context = terminal();
    const ports = testPorts(daemon, ["a", "y"]);
    expect(await run(context, ["x"], {}, ports)).toBe(0);
    expect(ports.asked).toHaveLength(2);
    expect(context.out.join("\n")).toContain("The plan.");
    expect(context.out.join("\n")).toContain("merged onto main");
  });

  test("shows the diff before the merge, which may stay undone", async () => {
    const daemon = withEnding(atGate());
    const context = terminal();
    expect(await run(context, ["x"], {}, testPorts(daemon, ["a", "d", "n"]))).toBe(6);
    expect(context.out).toContain("+added");
    expect(daemon.called("plan.merge")).toEqual([]);
    expect(context.notes.join()).toContain("loopr merge a1b2");
  });

  test("does not ask to merge with --no-merge", async () => {
    const daemon = withEnding(atGate());
    expect(await run(terminal(), ["x"], { merge: false }, testPorts(daemon, ["a"]))).toBe(0);
  });

  test("a blocked merge says what is in the way and is not asked about again", async () => {
    const daemon = withEnding(atGate());
    const failure = { code: "merge_dirty", message: "the checkout is dirty", hint: "git stash" };
    daemon.answers["plan.merge"] = () => {
      daemon.update({ waiting_for: null });
      setTimeout(() => {
        daemon.go("verified", "complete", { waiting_for: "merge", failure });
        daemon.emit("merge.conflict", { id: rootId, message: failure.message, hint: failure.hint });
      }, 1);
      return { merging: true };
    };
    const context = terminal();
    expect(await run(context, ["x"], {}, testPorts(daemon, ["a", "y"]))).toBe(6);
    expect(context.notes.join()).toContain("git stash");
  });

  test("iterates with feedback and asks again", async () => {
    const daemon = withEnding(atGate());
    daemon.answers["plan.iterate"] = ({ feedback }) => {
      daemon.go("planning", "running");
      setTimeout(() => {
        daemon.plan = `# Second plan\n\n${feedback}`;
        daemon.go("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
      }, 1);
      return { iterated: true, feedback_received: true };
    };
    const context = terminal();
    expect(await run(context, ["x"], {}, testPorts(daemon, ["i", " smaller steps ", "a", "y"]))).toBe(0);
    expect(daemon.called("plan.iterate")).toEqual([{ id: rootId, feedback: "smaller steps" }]);
    expect(context.out.join("\n")).toContain("# Second plan\n\nsmaller steps");
  });

  test("no feedback is no iteration", async () => {
    const daemon = withEnding(atGate());
    expect(await run(terminal(), ["x"], {}, testPorts(daemon, ["i", "  ", "l"]))).toBe(6);
    expect(daemon.called("plan.iterate")).toEqual([]);
  });

  test("rejects with a reason", async () => {
    const daemon = atGate();
    daemon.answers["plan.reject"] = ({ reason }) => {
      daemon.go("failed", "failed", {
        failure: { code: "rejected", message: `rejected: ${reason}`, hint: "" },
      });
      return { rejected: true };
    };
    const context = terminal();
    expect(await run(context, ["x"], {}, testPorts(daemon, ["r", "too big"]))).toBe(1);
    expect(context.notes.join()).toContain("error: rejected: too big");
  });

  for (const [name, answer] of [
    ["later", "l"],
    ["the end of the input", null],
  ] as const) {
    test(`${name} leaves the plan waiting`, async () => {
      const context = terminal();
      expect(await run(context, ["x"], {}, testPorts(atGate(), [answer]))).toBe(6);
      expect(context.notes.join()).toContain("loopr approve a1b2");
    });
  }

  test("another terminal that approves first withdraws the question", async () => {
    const daemon = withEnding(atGate());
    const elsewhere = async () => {
      await daemon.call("plan.approve", { id: rootId });
      return null;
    };
    expect(await run(terminal(), ["x"], {}, testPorts(daemon, [elsewhere, "y"]))).toBe(0);
  });

  test("a decision that comes too late is told, and the run is followed on", async () => {
    const daemon = withEnding(atGate());
    const approve = daemon.answers["plan.approve"];
    daemon.answers["plan.approve"] = async (params) => {
      await approve?.(params);
      throw new RpcError(rpcCodes.invalidState, "it is approved already", { reason: "invalid_state" });
    };
    const context = terminal();
    expect(await run(context, ["x"], {}, testPorts(daemon, ["a", "y"]))).toBe(0);
    expect(context.out).toContain("it is approved already");
  });
});

describe("run tells", () => {
  test("the bounds, the warnings, what happens, the checks with exit codes, labels and the end", async () => {
    const child = `${rootId}-001`;
    const daemon = daemonThat(
      (it) => {
        it.go("executing", "complete");
        it.update({ status: "running", title: "The \x1b[31mparser" }, child);
        it.emit("loop.iteration", {
          id: child,
          iteration: 1,
          passed: false,
          layer: "check",
          feedback: "2 tests fail\x07",
        });
        it.emit("loop.iteration", { id: child, iteration: 2, passed: true });
        it.emit("merge.completed", { id: rootId, commit: "abcdef0123456789", branch: "main" });
        it.go("merged", "complete");
      },
      { warnings: ["unsandboxed: tools run with all of your rights"] },
    );
    daemon.evidence.push(
      makeEvidence({ loop_id: child, exit: 1, sandboxed: false, at: 1 }),
      makeEvidence({ loop_id: child, iteration: 2, sandboxed: false, at: 2 }),
    );
    const context = testContext();
    expect(await run(context, ["add a flag"], { yes: true }, testPorts(daemon))).toBe(0);
    const out = context.out.join("\n");
    expect(context.notes).toContain("bounds: 10 iterations");
    expect(context.notes.join()).toContain("warning: unsandboxed");
    expect(out).toContain("a1b2.001");
    expect(out).toContain("code loop: The parser");
    expect(out).toContain("iteration 1 did not pass (check)");
    expect(out).toContain("2 tests fail");
    expect(out).toContain("✗ a1b2.001 iteration 1: npm test ended with exit code 1 after 1.5 s, unsandboxed");
    expect(out).toContain("✓ a1b2.001 iteration 2: npm test ended with exit code 0");
    expect(out).toContain("UNSANDBOXED");
    expect(out).toContain("UNVERIFIED");
    expect(out).toContain("commit  abcdef0123");
    expect(out).toContain("branch  loopr/add-a-flag-a1b2c3d4");
    expect(out).not.toContain("\x1b");
    expect(out).not.toContain("\x07");
  });
});

describe("run is left and comes back", () => {
  test("Ctrl-C leaves the run alone and says how to come back", async () => {
    const daemon = daemonThat(() => ports.interrupt());
    const ports = testPorts(daemon);
    const context = testContext();
    expect(await run(context, ["x"], {}, ports)).toBe(130);
    expect(context.notes.at(-1)).toContain("loopr watch a1b2");
    expect(daemon.called("loop.cancel")).toEqual([]);
    expect(daemon.closed).toBe(true);
  });

  test("Ctrl-C at a question does the same", async () => {
    const daemon = goes("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
    const ports = testPorts(daemon, [
      () => {
        throw new LooprError("interrupted", "interrupted");
      },
    ]);
    expect(await run(testContext({ interactive: true }), ["x"], {}, ports)).toBe(130);
  });

  test("a daemon that was killed and restarted: the state is read anew, no line twice", async () => {
    const daemon = daemonThat((it) => {
      it.update({ title: "one" }, `${rootId}-001`);
      it.setState("reconnecting");
      it.go("merged", "complete"); // nobody listens
      it.setState("connected");
    });
    const context = testContext();
    expect(await run(context, ["x"], { yes: true }, testPorts(daemon))).toBe(0);
    expect(context.out.filter((line) => line.includes("code loop: one"))).toHaveLength(1);
  });

  test("a connection that does not come back is an error", async () => {
    const daemon = daemonThat((it) => it.setState("closed"));
    const failed = run(testContext(), ["x"], {}, testPorts(daemon));
    expect(
      await failed.then(
        () => "",
        (error: unknown) => (error instanceof LooprError ? error.code : ""),
      ),
    ).toBe("connection_lost");
  });

  test("a run that is deleted meanwhile is an error", async () => {
    const daemon = daemonThat((it) => it.emit("loop.deleted", it.loop));
    expect((await failing(run(testContext(), ["x"], {}, testPorts(daemon)))).message).toContain(
      "was deleted",
    );
  });
});
