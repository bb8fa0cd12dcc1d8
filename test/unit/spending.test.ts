// The minutes of a loop are its parents', too: told by the clock, however many run below at a time.
import { expect, test } from "bun:test";
import { Ledger } from "../../src/engine/ledger.ts";
import { Spending } from "../../src/engine/spending.ts";
import { openStore } from "../../src/store/store.ts";
import { loopRecord, runRecord } from "../support/records.ts";

const run = runRecord();
const minute = 60_000;
const [one, two] = [`${run.id}-001`, `${run.id}-002`];

function bed() {
  let now = 0;
  const store = openStore(":memory:");
  const root = loopRecord({ id: run.id, loop_type: "plan", status: "complete", run_state: "executing" });
  const children = [one, two].map((id) => ({
    ...loopRecord({ id, parent_id: run.id, status: "running" }),
    root_id: run.id,
  }));
  store.commit({ runs: [run], loops: [root, ...children] });
  const clock = { now: () => now };
  const made = () => {
    const ledger = new Ledger(store, clock);
    return { ledger, spending: new Spending(ledger, clock) };
  };
  return { made, pass: (minutes: number) => (now += minutes * minute), close: () => store.close() };
}

test("children draw on their parent's minutes, those that run at the same time once; a daemon that dies forgets no more than a parent's own count", () => {
  const { made, pass, close } = bed();
  const { ledger, spending } = made();
  const usedOf = (loop: string, owner: string) =>
    spending.bounds(loop).find((bound) => bound.kind === "minutes" && bound.owner === owner)?.used;
  spending.begins(one);
  pass(10);
  spending.begins(two);
  pass(20);
  expect([usedOf(one, one), usedOf(two, two), usedOf(two, run.id)]).toEqual([30, 20, 30]);
  // 90 of the parent's 120 are left, although the child has 100 of its own.
  expect(spending.timeLeft(two)).toMatchObject({ ms: 90 * minute, bound: { owner: run.id } });
  spending.ends(one);
  pass(5);
  spending.ends(two);
  pass(100); // nothing runs: that does not count
  expect(ledger.loop(run.id).context.below_ms).toBe(35 * minute);
  spending.begins(two);
  pass(85);
  expect(spending.timeLeft(two)).toMatchObject({ ms: 0, bound: { owner: run.id, used: 120 } });

  // The next daemon knows what its predecessor has stored, and what the children say at the least.
  const next = made();
  next.spending.begins(two);
  expect(next.spending.belowMs(run.id)).toBe(35 * minute);
  next.ledger.update(one, { context: { ...next.ledger.loop(one).context, running_ms: 70 * minute } });
  next.spending.ends(two);
  next.spending.begins(one);
  expect(next.spending.belowMs(run.id)).toBe(70 * minute);
  close();
});
