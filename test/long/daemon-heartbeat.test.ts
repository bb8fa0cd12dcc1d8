// What an idle connection hears, in real time.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withHome } from "../support/harness.ts";
import { wire } from "../support/wire.ts";

const intervalMs = 15_000;
const limitMs = 15 * intervalMs;

test(
  "subscribers hear a heartbeat with the last number; others hear nothing",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const open = () => wire(join(home.dir, "daemon.sock"));
      const [subscriber, leaver, other] = [await open(), await open(), await open()];
      const { result } = await subscriber.call("subscribe", {});
      await leaver.call("subscribe", {});
      await leaver.call("unsubscribe");
      for (const count of [1, 2]) {
        const beats = () => subscriber.messages.filter(({ event }) => event === "stream.heartbeat");
        await subscriber.next(() => beats().length === count, 10 * intervalMs);
        expect(beats().at(-1)?.data).toEqual({ seq: (result as { seq: number }).seq });
      }
      for (const client of [leaver, other]) {
        await client.call("ping");
        expect(client.messages.filter(({ event }) => event !== undefined)).toEqual([]);
        client.close();
      }
      subscriber.close();
    }),
  limitMs,
);
