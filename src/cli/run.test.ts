import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, rootId } from "../../test/support/fake-daemon.ts";
import type { Loop, LoopStatus, RunState } from "../domain/loop.ts";
import { exitCodeOf } from "./context.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { plan, run } from "./run.ts";

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

describe("run ends with the exit code of the run's state", () => {
  const failure = (code: string) => ({ code, message: `because of ${code}`, hint: `mend ${code}` });
  const cases: {
    name: string;
    daemon: () => FakeDaemon;
    options?: Record<string, unknown>;
    exit: number;
    says?: string;
  }[] = [
    { name: "merged", daemon: () => goes("merged", "complete"), options: { yes: true }, exit: 0 },
    {
      name: "verified with --no-merge",
      daemon: () => goes("verified", "complete", { waiting_for: "merge" }),
      options: { merge: false },
      exit: 0,
    },
    {
      name: "verified without a person",
      daemon: () => goes("verified", "complete", { waiting_for: "merge" }),
      exit: 6,
      says: "loopr merge a1b2",
    },
    {
      name: "verified but the checkout is in the way",
      daemon: () => goes("verified", "complete", { waiting_for: "merge", failure: failure("merge_dirty") }),
      options: { yes: true },
      exit: 6,
      says: "mend merge_dirty",
    },
    {
      name: "the plan waits and nobody is there",
      daemon: () => goes("awaiting_approval", "awaiting_approval", { waiting_for: "approval" }),
      exit: 6,
      says: "loopr approve a1b2",
    },
    {
      name: "paused without a key",
      daemon: () => goes("paused", "paused", { waiting_for: "credentials", failure: failure("model_auth") }),
      exit: 6,
      says: "mend model_auth",
    },
    {
      name: "paused at its budget",
      daemon: () => goes("paused", "paused", { waiting_for: "budget" }),
      exit: 6,
      says: "a bound is reached",
    },
    { name: "failed", daemon: () => goes("failed", "failed", { failure: failure("iterations") }), exit: 1 },
    { name: "stalled", daemon: () => goes("stalled", "stalled"), exit: 1, says: "loopr resume a1b2" },
    { name: "cancelled", daemon: () => goes("cancelled", "cancelled"), exit: 1 },
    {
      name: "a check that cannot run",
      daemon: () => goes("failed", "failed", { failure: failure("check_not_runnable") }),
      exit: 1,
      says: "because of check_not_runnable",
    },
  ];
  for (const { name, daemon: make, options = {}, exit, says } of cases) {
    test(name, async () => {
      const daemon = make();
      const context = testContext();
      expect(await run(context, ["add", "a", "flag"], options, testPorts(daemon))).toBe(exit);
      expect(daemon.closed).toBe(true);
      if (says) expect(context.notes.join("\n")).toContain(says);
    });

    test(`${name}, as a document`, async () => {
      const context = testContext({ json: true, interactive: true });
      expect(await run(context, ["add"], options, testPorts(make()))).toBe(exit);
      expect(context.printed).toHaveLength(1);
      expect(context.out).toEqual([]);
      const document = context.printed[0];
      expect(document).toMatchObject({ id: rootId, branch: "loopr/add-a-flag-a1b2c3d4", cost_usd: 0.25 });
      expect(typeof document === "object" && document !== null && "error" in document).toBe(exit !== 0);
    });
  }

  test("with --yes the gate is passed through, and the daemon merges by itself", async () => {
    const daemon = daemonThat((it) => {
      it.go("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
      it.go("verified", "complete");
      setTimeout(() => it.go("merged", "complete"), 1);
    });
    expect(await run(testContext({ interactive: true }), ["x"], { yes: true }, testPorts(daemon))).toBe(0);
    expect(daemon.called("loop.create_plan")[0]).toMatchObject({ options: { approve: true, merge: true } });
  });
});

describe("what is sent", () => {
  test("the task, the directory, the allow-listed environment, the options", async () => {
    const daemon = goes("merged", "complete");
    const ports = {
      ...testPorts(daemon),
      env: { HOME: "/h", SECRET: "s", FLAG: "1", LOOPR_SCRIPT: "s.json" },
    };
    ports.personal = async () => ({ keyEnv: {}, pass: ["FLAG"] });
    await run(testContext({ config: "/c.yml" }), ["add", "it"], { check: "make test", depth: "code" }, ports);
    expect(daemon.called("loop.create_plan")).toEqual([
      {
        description: "add it",
        project: "/repo",
        env: { HOME: "/h", FLAG: "1" },
        options: {
          levels: "code",
          check: "make test",
          cwd: "/repo",
          approve: false,
          config: "/c.yml",
          script: "/repo/s.json",
        },
      },
    ]);
  });

  test("a request that is lost with the connection is not made twice", async () => {
    const daemon = new FakeDaemon();
    daemon.answers["loop.create_plan"] = () => {
      throw new LooprError("connection_lost", "lost");
    };
    const error = await failing(run(testContext(), ["x"], {}, testPorts(daemon)));
    expect(error.hint).toBe("loopr list shows whether it was");
    expect(exitCodeOf(error)).toBe(4);
    expect(daemon.called("loop.create_plan")).toHaveLength(1);
  });

  test("the daemon's refusals pass through", async () => {
    const daemon = new FakeDaemon();
    daemon.answers["loop.create_plan"] = () => {
      throw new RpcError(rpcCodes.notAvailable, "no model is configured", {
        reason: "no_model",
        hint: "set it",
      });
    };
    expect((await failing(run(testContext(), ["x"], {}, testPorts(daemon)))).message).toContain(
      "no model is configured",
    );
  });
});

describe("plan", () => {
  test("prints the id and nothing else on stdout", async () => {
    const context = testContext();
    expect(await plan(context, ["x"], {}, testPorts(daemonThat(() => {})))).toBe(0);
    expect(context.out).toEqual([rootId]);
    expect(context.notes).toContain("bounds: 10 iterations");
  });

  test("--json", async () => {
    const context = testContext({ json: true });
    await plan(context, ["x"], {}, testPorts(daemonThat(() => {})));
    expect(context.printed).toEqual([{ id: rootId, bounds: "10 iterations", warnings: [] }]);
  });

  test("--wait: 0 when it awaits approval", async () => {
    const context = testContext();
    const daemon = goes("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
    expect(await plan(context, ["x"], { wait: true }, testPorts(daemon))).toBe(0);
    expect(context.out).toEqual([rootId]);
    expect(context.notes.join("\n")).toContain("loopr approve a1b2");
  });

  test("--wait --json holds the plan", async () => {
    const context = testContext({ json: true });
    const daemon = goes("awaiting_approval", "awaiting_approval", { waiting_for: "approval" });
    expect(await plan(context, ["x"], { wait: true }, testPorts(daemon))).toBe(0);
    expect(context.printed).toMatchObject([
      { id: rootId, run_state: "awaiting_approval", content: daemon.plan },
    ]);
  });

  test("--wait: a plan that fails is 1", async () => {
    expect(await plan(testContext(), ["x"], { wait: true }, testPorts(goes("failed", "failed")))).toBe(1);
  });

  test("needs a plan among the levels", async () => {
    expect(
      (await failing(plan(testContext(), ["x"], { depth: "code" }, testPorts(new FakeDaemon())))).message,
    ).toContain("no plan among the levels");
  });
});
