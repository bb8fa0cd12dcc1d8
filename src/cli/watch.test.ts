import { describe, expect, test } from "bun:test";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { LooprError } from "../lib/errors.ts";
import { exitCodeOf } from "./context.ts";
import { watch } from "./watch.ts";

const child = `${rootId}-001`;
const other = "1700000000001-a1b2ffffffffffff";

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
    expect(text).toContain("awaiting approval");
    expect(context.notes.join()).toContain("error: the run failed");
  });

  test("a run that has ended already is told and ends at once", async () => {
    const context = testContext();
    const daemon = new FakeDaemon(makeLoop({ run_state: "merged", status: "complete" }));
    expect(await watch(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.out.join("\n")).toContain("✓ merged");
  });

  test("as JSON, how a run stands comes first, also where nothing else will come", async () => {
    const context = testContext({ json: true });
    const daemon = new FakeDaemon(makeLoop({ run_state: "merged", status: "complete" }));
    expect(await watch(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    expect(context.printed).toMatchObject([
      { event: "loop.updated", data: { id: rootId, run_state: "merged" } },
    ]);
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
      { event: "loop.updated", data: { id: rootId, run_state: "executing" } },
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

  test("a daemon that hangs is told of, once, and so is that it responds again", async () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "executing" }));
    const hangs = () => Promise.reject(new LooprError("daemon_unresponsive", "no answer"));
    daemon.answers.ping = hangs;
    const context = testContext();
    const times = { quietMs: 5, answerWithinMs: 5, againMs: 5 };
    const ports = { ...testPorts(daemon), now: Date.now, liveness: times };
    const ended = watch(context, [], {}, ports);
    const noted = async (words: string) => {
      const deadline = Date.now() + 10_000;
      while (!context.notes.some((note) => note.includes(words))) {
        expect(Date.now()).toBeLessThan(deadline);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await noted("the daemon does not respond; `loopr daemon status` shows");
    const asked = daemon.called("ping").length;
    while (daemon.called("ping").length < asked + 3) await new Promise((resolve) => setTimeout(resolve, 5));
    daemon.answers.ping = () => ({ pong: true });
    await noted("the daemon responds again");
    expect(context.notes.filter((note) => note.includes("does not respond"))).toHaveLength(1);
    ports.interrupt();
    expect(await ended).toBe(130);
  });

  test("a daemon that is gone for good is an error", async () => {
    const { ended } = watching((it) => it.setState("closed"), []);
    expect(exitCodeOf(await failing(ended))).toBe(4);
  });
});
