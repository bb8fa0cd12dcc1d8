import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { exitCodeOf } from "./context.ts";
import { list } from "./list.ts";

const child = `${rootId}-001`;
const other = "1700000000001-a1b2ffffffffffff";

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

  test("a repository without a commit has no loops", async () => {
    const daemon = world();
    const answer = daemon.answers["loop.list"];
    daemon.answers["loop.list"] = (params) => {
      if (params.project) throw new RpcError(rpcCodes.invalidState, "no commit", { reason: "no_commit" });
      return answer?.(params) ?? { loops: [] };
    };
    expect((await listed({}, daemon)).out.join()).toContain("No loops in this project yet");
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
