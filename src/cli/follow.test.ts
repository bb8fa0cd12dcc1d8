import { describe, expect, test } from "bun:test";
import { failing } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { LooprError } from "../lib/errors.ts";
import { Follow, type FollowOptions } from "./follow.ts";

const child = `${rootId}-001`;

async function follow(daemon: FakeDaemon, patch: Partial<FollowOptions> = {}) {
  const seen: string[] = [];
  const following = await Follow.start(daemon, {
    id: rootId,
    from: "beginning",
    onEvent: ({ event, seq }) => seen.push(`${seq ?? "-"} ${event}`),
    ...patch,
  });
  return { following, seen };
}

describe("following a run", () => {
  test("from the beginning: the history first, then what happens, each once", async () => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.emit("loop.created", daemon.loop);
    const events = daemon.answers;
    events["loop.get"] = ({ id }) => {
      daemon.update({ status: "running" }, child); // while the state is being read
      const loop = daemon.find(id);
      return { loop: { ...loop, description: "", iterations: 0 } };
    };
    const { following, seen } = await follow(daemon);
    daemon.update({ status: "complete" }, child);
    daemon.send({ event: "loop.updated", data: daemon.find(child), seq: 2 }); // doubled on the way
    expect(seen).toEqual(["1 loop.created", "2 loop.created", "3 loop.updated"]);
    expect(following.loops.map(({ id }) => id)).toEqual([rootId, child]);
    following.close();
  });

  test("from now: no history", async () => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.emit("loop.created", daemon.loop);
    const { following, seen } = await follow(daemon, { from: "now" });
    daemon.go("merged", "complete");
    expect(seen).toEqual(["2 loop.updated"]);
    expect(following.loop.run_state).toBe("merged");
    following.close();
  });

  test("a long history comes in pages", async () => {
    const daemon = new FakeDaemon(makeLoop());
    for (let n = 0; n < 5; n += 1) daemon.update({ progress: `turn ${n}` });
    const whole = await daemon.call("loop.events", { id: rootId });
    daemon.answers["loop.events"] = ({ since }) => ({
      events: whole.events.filter(({ seq }) => seq > (since ?? 0)).slice(0, 2),
    });
    const { following, seen } = await follow(daemon);
    expect(seen).toHaveLength(5);
    following.close();
  });

  test("other runs' events and unknown ones are passed over, unknown ones still handed on as they came", async () => {
    const daemon = new FakeDaemon(makeLoop());
    const messages: string[] = [];
    const { following, seen } = await follow(daemon, { onMessage: ({ event }) => messages.push(event) });
    daemon.emit("loop.created", makeLoop({ id: "1700000000000-ffffffffffffffff" }));
    daemon.emit("loop.celebrated", { id: rootId });
    expect(seen).toEqual([]);
    expect(messages).toEqual(["loop.celebrated"]);
    following.close();
  });

  test("after a gap the loop is read anew, and that is told", async () => {
    const daemon = new FakeDaemon(makeLoop());
    const { following, seen } = await follow(daemon);
    daemon.loops.set(rootId, { ...daemon.loop, run_state: "merged", version: 9 });
    daemon.send({ event: "stream.gap", data: { dropped: 2 } });
    await following.until(() => following.loop.run_state === "merged");
    expect(seen).toEqual(["- stream.gap", "- loop.updated"]);
    following.close();
  });

  test("a record that was read is not overwritten by an older event", async () => {
    const daemon = new FakeDaemon(makeLoop({ version: 7, run_state: "merged" }));
    const { following } = await follow(daemon);
    daemon.emit("loop.updated", makeLoop({ version: 6, run_state: "executing" }));
    expect(following.loop.run_state).toBe("merged");
    following.close();
  });

  test("a connection that is lost while subscribing is waited for", async () => {
    const daemon = new FakeDaemon(makeLoop());
    const subscribe = daemon.subscribe.bind(daemon);
    daemon.subscribe = async () => {
      daemon.subscribe = subscribe;
      daemon.setState("reconnecting");
      setTimeout(() => daemon.setState("connected"), 1);
      throw new LooprError("connection_lost", "lost");
    };
    const { following } = await follow(daemon);
    expect(following.loop.id).toBe(rootId);
    following.close();
  });

  test("who waits hears of a connection that is gone, and of a refusal to read", async () => {
    const gone = new FakeDaemon(makeLoop());
    const first = (await follow(gone)).following;
    const waiting = first.until(() => false);
    gone.setState("closed");
    expect((await failing(waiting)).message).toContain("connection to the daemon is lost");

    const forgetful = new FakeDaemon(makeLoop());
    const second = (await follow(forgetful)).following;
    const unread = second.until(() => false);
    forgetful.loops.clear();
    forgetful.setState("reconnecting");
    forgetful.setState("connected");
    expect((await failing(unread)).message).toContain("Loop not found");
  });
});
