// The client library against the real daemon: what becomes of requests that are under way when it goes.
import { expect, test } from "bun:test";
import { connect } from "../../src/client/connect.ts";
import type { Client, ConnectionState } from "../../src/client/types.ts";
import { isAlive, signal, until, type Home } from "../support/harness.ts";
import { text, tool } from "../support/model-server.ts";
import { json, withRuns } from "../support/runs.ts";

const limitMs = 60_000;
/** Ten times what a person takes for "at once". */
const atOnceMs = 1_000;

const plan = {
  title: "A greeting",
  summary: "Greets.",
  specs: [{ name: "greet", description: "Make greet.sh greet", depends_on: [], level: "code" }],
};

function withPlan(body: (home: Home, id: string, client: Client) => Promise<void>): Promise<void> {
  return withRuns([[tool("create_plan", plan)], [text("Done.")]], async ({ home, loopr }) => {
    const id = String(
      json(await loopr(["plan", "--check", "sh test.sh", "--wait", "--json", "Greet"]))["id"],
    );
    const client = await connect({ name: "test", autoStart: false, reconnect: true, env: home.env });
    try {
      await body(home, id, client);
    } finally {
      client.close();
    }
  });
}

async function outcome<T>(
  call: Promise<T>,
): Promise<{ value?: T; code?: unknown; message?: string; hint?: unknown }> {
  try {
    return { value: await call };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      message: error.message,
      ...("code" in error ? { code: error.code } : {}),
      ...("hint" in error ? { hint: error.hint } : {}),
    };
  }
}

test(
  "writes fail at once and clearly, and are never made again; reads are, by the next daemon",
  () =>
    withPlan(async (home, id, client) => {
      const pid = home.daemonPid() ?? 0;
      signal(pid, "SIGSTOP");
      const calls: Promise<unknown>[] = [
        client.call("loop.pause", { id }),
        client.call("plan.approve", { id }),
        client.call("loop.cancel", { id }),
      ];
      const writes = calls.map(outcome);
      const reads = [outcome(client.call("loop.get", { id })), outcome(client.call("loop.list", {}))];
      signal(pid, "SIGKILL");
      const killedAt = Date.now();
      for (const write of writes) {
        const { code, message, hint } = await write;
        expect({ code, message }).toEqual({
          code: "connection_lost",
          message: "the connection to the daemon was lost",
        });
        expect(hint).toContain("loopr daemon status");
      }
      expect(Date.now() - killedAt).toBeLessThan(10 * atOnceMs);
      expect(client.state).toBe("reconnecting");

      await home.ok(["daemon", "start"]);
      const [got, listed] = await Promise.all(reads);
      expect(got?.value).toMatchObject({ loop: { id, status: "awaiting_approval" } });
      expect(listed?.value).toMatchObject({ loops: [{ id }] });
      // Long after everything that was to be repeated has been: none of the writes was.
      expect(await client.call("loop.get", { id })).toMatchObject({ loop: { status: "awaiting_approval" } });
      expect(client.state).toBe("connected");
    }),
  limitMs,
);

test(
  "comes back by itself however often the daemon goes, and says so each time",
  () =>
    withPlan(async (home, id, client) => {
      const states: ConnectionState[] = [];
      client.onState((state) => states.push(state));
      const nonces = new Set([client.server.nonce]);
      for (let round = 1; round <= 3; round++) {
        const pid = home.daemonPid() ?? 0;
        signal(pid, "SIGKILL");
        await until(() => !isAlive(pid) && client.state === "reconnecting", 5_000);
        // A call made meanwhile waits.
        const meanwhile = client.call("loop.get", { id });
        await home.ok(["daemon", "start"]);
        expect((await meanwhile).loop.id).toBe(id);
        nonces.add(client.server.nonce);
        expect(nonces.size).toBe(round + 1);
      }
      expect(states).toEqual(Array.from({ length: 3 }, () => ["reconnecting", "connected"] as const).flat());
    }),
  limitMs,
);
