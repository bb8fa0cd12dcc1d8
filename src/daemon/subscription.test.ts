import { describe, expect, test } from "bun:test";
import type { StoredEvent } from "../engine/ports.ts";
import type { EventMessage } from "../protocol/messages.ts";
import type { EventSource } from "./ports.ts";
import { Subscription } from "./subscription.ts";

/** A store's events from `first` on; what is before is gone. */
class FakeSource implements EventSource {
  readonly stored: StoredEvent[] = [];
  first = 1;

  lastSeq(): number {
    return this.stored.at(-1)?.seq ?? this.first - 1;
  }

  events(since: number, options: { loop_id?: string; limit?: number } = {}): StoredEvent[] | null {
    if (since < this.first - 1) return null;
    const wanted = (event: StoredEvent) =>
      event.seq > since && (options.loop_id === undefined || event.loop_id.startsWith(options.loop_id));
    return this.stored.filter(wanted).slice(0, options.limit);
  }

  onEvents(): () => void {
    return () => {};
  }

  add(count: number, loopId = "1-a"): StoredEvent[] {
    const added = Array.from({ length: count }, (_, index): StoredEvent => {
      const seq = this.lastSeq() + 1 + index;
      return { seq, event: "loop.updated", loop_id: loopId, root_id: "1-a", data: seq, at: 0 };
    });
    this.stored.push(...added);
    return added;
  }
}

class FakeSink {
  isClosed = false;
  readonly sent: EventMessage[] = [];
  /** What happens while the replay waits for the reader. */
  whileWaiting: () => void = () => {};

  send(message: EventMessage): void {
    this.sent.push(message);
  }

  async roomForReplay(): Promise<void> {
    await Promise.resolve();
    this.whileWaiting();
  }

  seqs(): (number | undefined)[] {
    return this.sent.map((message) => message.seq);
  }
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a subscription", () => {
  test("without `since` gets what happens from now on", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.add(5);
    const subscription = new Subscription(sink, source, { since: null, loopId: null });
    await subscription.replay();
    subscription.deliver(source.add(2));
    expect(sink.sent).toEqual([
      { event: "loop.updated", data: 6, seq: 6 },
      { event: "loop.updated", data: 7, seq: 7 },
    ]);
  });

  test("with `since` gets each missed event once and in order, however many happen meanwhile", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.add(500);
    const subscription = new Subscription(sink, source, { since: 10, loopId: null });
    let more = 40;
    sink.whileWaiting = () => {
      if (more-- > 0) subscription.deliver(source.add(7));
    };
    await subscription.replay();
    subscription.deliver(source.add(3));
    expect(sink.seqs()).toEqual(range(11, source.lastSeq()));
  });

  test("is told of a gap where missed events are gone, and goes on live", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.first = 100;
    source.add(5);
    const subscription = new Subscription(sink, source, { since: 50, loopId: null });
    await subscription.replay();
    subscription.deliver(source.add(1));
    expect(sink.sent[0]).toEqual({ event: "stream.gap", data: { dropped: 54 } });
    expect(sink.seqs().slice(1)).toEqual([105]);
  });

  test("whose numbers are of another store is told of a gap", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.add(3);
    const subscription = new Subscription(sink, source, { since: 99, loopId: null });
    await subscription.replay();
    subscription.deliver(source.add(1));
    expect(sink.sent.map((message) => message.event)).toEqual(["stream.gap", "loop.updated"]);
  });

  test("of a loop covers its descendants and nothing else", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.add(1, "1-a");
    source.add(1, "1-a-001");
    source.add(1, "1-ab");
    const subscription = new Subscription(sink, source, { since: 0, loopId: "1-a" });
    await subscription.replay();
    subscription.deliver([...source.add(1, "2-b"), ...source.add(1, "1-a-001-002")]);
    expect(sink.seqs()).toEqual([1, 2, 5]);
    subscription.deliverEphemeral({ event: "loop.output", data: { id: "2-b" } });
    subscription.deliverEphemeral({ event: "loop.output", data: { id: "1-a-001" } });
    subscription.deliverEphemeral({ event: "error", data: { message: "of all" } });
    expect(sink.sent.slice(3).map((message) => message.event)).toEqual(["loop.output", "error"]);
  });

  test("that has ended gets nothing more, in the middle of its replay too", async () => {
    const [source, sink] = [new FakeSource(), new FakeSink()];
    source.add(500);
    const subscription = new Subscription(sink, source, { since: 0, loopId: null });
    sink.whileWaiting = () => subscription.end();
    await subscription.replay();
    const before = sink.sent.length;
    subscription.deliver(source.add(1));
    subscription.deliverEphemeral({ event: "loop.output", data: {} });
    expect(sink.sent.length).toBe(before);
    expect(before).toBeLessThan(500);
  });
});
