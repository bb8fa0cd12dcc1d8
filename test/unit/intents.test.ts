// A signal to many loops is all or nothing: refused it leaves no trace, and it outlives a daemon that dies at any of
// its store transactions.
import { describe, expect, test } from "bun:test";
import { Engine } from "../../src/engine/engine.ts";
import type { LoopStatus } from "../../src/domain/loop.ts";
import type { Signal } from "../../src/domain/signal.ts";
import { defaultConfig } from "../../src/domain/config.ts";
import type { Store } from "../../src/engine/ports.ts";
import { createGit } from "../../src/git/git.ts";
import { openStore } from "../../src/store/store.ts";
import { loopRecord, runRecord } from "../support/records.ts";

const run = runRecord();
const childIds = [1, 2, 3].map((n) => `${run.id}-00${n}`);

/** A root with three children, and nothing that could run them. */
function storeWith(status: LoopStatus): Store {
  const store = openStore(":memory:");
  const root = loopRecord({ id: run.id, loop_type: "plan", status: "complete", run_state: "executing" });
  const children = childIds.map((id) => ({
    ...loopRecord({ id, parent_id: run.id, status }),
    root_id: run.id,
  }));
  store.commit({ runs: [run], loops: [root, ...children] });
  return store;
}

/** After so many transactions nothing is stored any more, as if the daemon had died. */
function dyingAfter(store: Store, commits: number): Store {
  let made = 0;
  return {
    ...store,
    commit: (change) => {
      if (made++ >= commits) throw new Error("the daemon is dead");
      return store.commit(change);
    },
  };
}

function engineOn(store: Store): Engine {
  return new Engine({
    store,
    git: createGit({}),
    jobs: { run: () => Promise.reject(new Error("no job is expected")) },
    clock: { now: () => 2000 },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    limits: { ...defaultConfig.concurrency, loops: 0 },
    projectDir: () => "/nowhere",
    deny: () => [],
    gitConfigs: () => [],
    redact: (_run, text) => text,
    openSecret: () => 0,
    emit: () => undefined,
    modelOf: () => Promise.resolve(null),
  });
}

const cases: [Signal, LoopStatus, LoopStatus][] = [
  ["pause", "pending", "paused"],
  ["resume", "stalled", "pending"],
  ["stop", "pending", "cancelled"],
];

describe("a daemon that dies at any transaction of a signal leaves it to its successor:", () => {
  for (const [signal, before, after] of cases) {
    test(signal, async () => {
      for (let commits = 0; commits < 8; commits++) {
        const store = storeWith(before);
        await engineOn(dyingAfter(store, commits))
          .signals.send(signal, [run.id])
          .catch(() => undefined);
        const successor = engineOn(store);
        successor.recover();
        const statuses = childIds.map((id) => successor.ledger.loop(id).status);
        // Only before the intent was stored has nothing happened.
        expect(statuses).toEqual(childIds.map(() => (commits === 0 ? before : after)));
        expect(successor.ledger.run(run.id).intents ?? []).toEqual([]);
        store.close();
      }
    });
  }

  test("rebase, which waits at each loop for its next safe point", async () => {
    for (let commits = 1; commits < 6; commits++) {
      const store = storeWith("pending");
      await engineOn(dyingAfter(store, commits))
        .signals.send("rebase", [run.id])
        .catch(() => undefined);
      const successor = engineOn(store);
      successor.recover();
      expect(childIds.map((id) => successor.ledger.loop(id).context.rebase)).toEqual([true, true, true]);
      store.close();
    }
  });
});

test("a key that comes with a resume pays only once that is accepted", async () => {
  const other = { provider: "anthropic", base_url: null, fingerprint: "of another key" };
  const paidAfter = async (status: LoopStatus) => {
    const store = storeWith(status);
    const { signals, ledger } = engineOn(store);
    const said = { credentialsFor: () => other };
    const answer = await signals.send("resume", [run.id], said).then(
      () => "accepted",
      () => "refused",
    );
    const { credentials } = ledger.run(run.id);
    store.close();
    return { answer, credentials };
  };
  expect(await paidAfter("running")).toEqual({ answer: "refused", credentials: run.credentials });
  expect(await paidAfter("paused")).toEqual({ answer: "accepted", credentials: other });
});
