import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { exitCodeOf } from "./context.ts";
import { logs } from "./logs.ts";

const child = `${rootId}-001`;

describe("logs of a loop", () => {
  test("shows what is stored, harmless", async () => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.answers["loop.output"] = () => ({ output: "one\x1b[2J\ntwo\n", truncated: true });
    const context = testContext();
    expect(await logs(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.out).toEqual(["one\ntwo"]);
    expect(context.notes.join()).toContain("only the end");
    expect(daemon.called("loop.output")).toEqual([{ id: rootId }]);
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
