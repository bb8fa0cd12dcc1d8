import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { exitCodeOf } from "./context.ts";
import { approve, iterate, reject } from "./gate.ts";

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

  test("approve says that what a loop asked for is allowed", async () => {
    const daemon = new FakeDaemon(makeLoop({ status: "awaiting_approval", waiting_for: "protected" }));
    daemon.answers["plan.approve"] = () => ({ approved: true, specs_spawned: 0 });
    const context = testContext();
    expect(await approve(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.out[0]).toBe('Approved a1b2 "Add a flag": its changes to protected files are allowed');
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
    expect(daemon.called("plan.iterate")).toEqual([{ id: rootId, feedback: "smaller", approved: false }]);
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
