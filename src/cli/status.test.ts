import { describe, expect, test } from "bun:test";
import { testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeEvidence, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { status } from "./status.ts";

const child = `${rootId}-001`;

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
