// Plays arbitrary traffic against a daemon's real socket, and holds each answer against what was expected.
import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { until, type Home } from "./harness.ts";
import { scenarios, type Scenario, type Talk } from "./traffic.ts";
import { wire, type Wire, type WireMessage } from "./wire.ts";

const answerDeadlineMs = 30_000;
/** A request behind all others of a connection. No other has this number. */
const lastId = 2 ** 40;

/** The seed of this run: another one each time, unless LOOPR_TEST_SEED repeats one. */
export function seedOfRun(): number {
  const seed = Number(process.env["LOOPR_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed} (LOOPR_TEST_SEED=${seed} repeats it)`);
  return seed;
}

/**
 * Plays so many scenarios one after the other. Returns the number of lines sent. What fails is made smaller
 * until `limitMs` are over, counted from the start.
 */
export async function playScenarios(
  home: Home,
  seed: number,
  runs: number,
  limitMs: number,
): Promise<number> {
  const path = join(home.dir, "daemon.sock");
  let lines = 0;
  await fc.assert(
    fc.asyncProperty(scenarios(), async (scenario) => {
      await play(path, scenario);
      for (const talk of scenario.talks) lines += talk.lines;
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: limitMs },
  );
  return lines;
}

/** Resident memory, in bytes, and open descriptors. */
export function footprint(pid: number): { memoryBytes: number; descriptors: number } {
  const [, kibibytes = "NaN"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { memoryBytes: Number(kibibytes) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** Waits until nobody but the asker is connected. */
export async function soleClient(home: Home): Promise<void> {
  const client = await wire(join(home.dir, "daemon.sock"));
  await until(
    async () => ((await client.call("status")).result as { clients: number }).clients === 1,
    answerDeadlineMs,
    "the connections of the fuzz to be gone",
  );
  client.close();
}

async function play(path: string, scenario: Scenario): Promise<void> {
  const talks = await Promise.all(
    scenario.talks.map(async (talk) => ({ talk, client: await wire(path), chunks: [...talk.chunks] })),
  );
  try {
    const turns = [...scenario.turns];
    for (;;) {
      const left = talks.filter(({ chunks }) => chunks.length > 0);
      if (left.length === 0) break;
      const next = left[(turns.shift() ?? 0) % left.length];
      const chunk = next?.chunks.shift();
      if (chunk) next?.client.raw(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { talk, client } of talks) await conclude(talk, client);
  } finally {
    for (const { client } of talks) client.close();
  }
}

async function conclude(talk: Talk, client: Wire): Promise<void> {
  const { ending, answers } = talk;
  if (ending === "kill") return client.close();
  if (ending === "half-close") client.socket.end();
  if (ending === "wait") {
    client.raw(`{"id":${lastId},"method":"ping"}\n`);
    const isDone = () => answersOf(client).length > answers.length;
    await until(isDone, answerDeadlineMs, `${answers.length + 1} answers`).catch(() => {});
    compare(client, [...answers, { id: lastId, code: null, inOrder: true }]);
  } else {
    await until(() => client.isClosed(), answerDeadlineMs, "the end of the connection");
    compare(client, answers);
  }
}

function compare(client: Wire, expected: Talk["answers"]): void {
  const late = new Set(expected.filter(({ inOrder }) => !inOrder).map(({ id }) => id));
  const given = answersOf(client).map(({ id, error }) => ({ id, code: error?.code ?? null }));
  const wanted = expected.map(({ id, code }) => ({ id, code }));
  const inOrder = (list: typeof wanted) => list.filter(({ id }) => !late.has(id));
  const others = (list: typeof wanted) => list.filter(({ id }) => late.has(id)).sort((a, b) => a.id - b.id);
  expect(inOrder(given)).toEqual(inOrder(wanted));
  expect(others(given)).toEqual(others(wanted));
}

/** Responses, each of which has exactly one of result and error; events go to subscribers besides. */
function answersOf(client: Wire): (WireMessage & { id: number })[] {
  return client.messages.flatMap((message) => {
    if (message.event !== undefined) return [];
    const { id } = message;
    if (id === undefined || (message.result === undefined) === (message.error === undefined)) {
      throw new Error(`neither event nor answer: ${JSON.stringify(message)}`);
    }
    return { ...message, id };
  });
}
