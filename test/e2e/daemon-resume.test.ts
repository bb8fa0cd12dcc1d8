// Who follows gets each event once and in order, whatever becomes of the daemon in between.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { isAlive, signal, until, type Home } from "../support/harness.ts";
import { text, tool } from "../support/model-server.ts";
import { json, withRuns } from "../support/runs.ts";
import { wire, type Wire } from "../support/wire.ts";

const limitMs = 90_000;
const roundsMin = 8;
const togglesARound = 60;

const plan = {
  title: "A greeting",
  summary: "Greets.",
  specs: [{ name: "greet", description: "Make greet.sh greet", depends_on: [], level: "code" }],
};

interface Numbered {
  seq: number;
  event: string;
  data: unknown;
}

/** The numbered events among lines of JSON; a last line that is not whole yet is left out. */
function numbered(lines: string): Numbered[] {
  return lines
    .slice(0, lines.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Numbered)
    .filter((message) => message.seq !== undefined);
}

/** Everything that the store has, by a subscription of its own from the very beginning. */
async function stored(home: Home): Promise<Numbered[]> {
  const client = await wire(join(home.dir, "daemon.sock"));
  const answer = await client.call("subscribe", { since: 0 });
  const { seq } = answer.result as { seq: number };
  await client.next((message) => message.seq === seq);
  client.close();
  return client.messages.filter((message) => message.seq !== undefined) as Numbered[];
}

/** Pauses and resumes a plan at the gate again and again: each an event, and nothing else happens. */
async function toggle(client: Wire, id: string, times: number): Promise<void> {
  await client.call("loop.resume", { id }); // Refused where the round before was not cut off half way.
  for (let n = 0; n < times; n++) {
    expect((await client.call("loop.pause", { id })).error).toBeUndefined();
    expect((await client.call("loop.resume", { id })).error).toBeUndefined();
  }
}

test(
  "hundreds of events across kill -9, restarts and stops: none lost, none doubled, none altered",
  () =>
    withRuns([[tool("create_plan", plan)], [text("Done.")]], async ({ home, loopr, repo, env }) => {
      const created = json(await loopr(["plan", "--check", "sh test.sh", "--wait", "--json", "Greet"]));
      const id = String(created["id"]);
      const watch = home.start(["watch", "--json"], { cwd: repo.dir, env });
      await until(async () => {
        const status = JSON.parse(await home.ok(["daemon", "status", "--json"])) as { clients: number };
        return status.clients >= 2;
      }, 20_000);

      // The first event that it sees for sure. What was before it is none of its business.
      const before = (await stored(home)).at(-1)?.seq ?? 0;
      for (let round = 0; round < roundsMin; round++) {
        const client = await wire(join(home.dir, "daemon.sock"));
        const busy = toggle(client, id, togglesARound);
        if (round % 4 === 0) await busy;
        else busy.catch(() => {}); // The daemon goes in the middle of it.
        const pid = home.daemonPid() ?? 0;
        if (round % 2 === 0) {
          signal(pid, "SIGKILL");
          await until(() => !isAlive(pid), 20_000, "the daemon to be gone");
        } else await home.ok(["daemon", "restart"], { env });
        client.close();
        // The follower starts one too, unless it has heard of a stop; there is one, whoever is first.
        await home.ok(["daemon", "start"], { env });
      }
      const last = await wire(join(home.dir, "daemon.sock"));
      const { result } = await last.call("loop.get", { id });
      const paused = (result as { loop: { status: string } }).loop.status === "paused";
      await last.call(paused ? "loop.resume" : "loop.pause", { id });
      last.close();

      const all = (await stored(home)).filter((event) => event.seq > before);
      expect(all.length).toBeGreaterThan(200);
      const end = all.at(-1)?.seq;
      await until(() => numbered(watch.stdout()).at(-1)?.seq === end, 30_000, "the last event");
      const seen = numbered(watch.stdout()).filter((event) => event.seq > before);
      expect(seen.map((event) => event.seq)).toEqual(all.map((event) => event.seq));
      expect(seen).toEqual(all);
      expect(watch.stdout()).not.toContain("stream.gap");
      watch.kill("SIGINT");
      await watch.wait();
    }),
  limitMs,
);
