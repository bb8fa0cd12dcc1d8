// The whole interface with a daemon and a terminal in memory.
import { afterEach, describe, expect, test } from "bun:test";
import {
  aLoop,
  fakeClient,
  idOf,
  projectRoot,
  sampleLoops,
  startMs,
  utf8,
  type FakeClient,
} from "../../test/support/tui.ts";
import { virtualTerminal, type VirtualTerminal } from "../../test/support/virtual-terminal.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import { openTui, type Tui } from "./app.ts";
import { createScreen, type Screen } from "./terminal.ts";
import { createTheme } from "./theme.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
const deadlineMs = 5_000;

interface World {
  terminal: VirtualTerminal;
  app: Tui;
  screen: Screen;
  /** Waits until the screen shows it, and fails with the screen where it never does. */
  shows(text: string): Promise<string>;
  hides(text: string): Promise<void>;
  tick(ms: number): void;
}

const worlds: World[] = [];
afterEach(() => {
  for (const { app, screen } of worlds.splice(0)) {
    app.quit();
    screen.stop();
  }
});

function openWorld(connect: (onProgress: (text: string) => void) => Promise<FakeClient>): World {
  const terminal = virtualTerminal(80, 24);
  const screen = createScreen(terminal);
  let now = startMs + 120_000;
  const app = openTui({
    screen,
    connect,
    version: "1.0.0",
    cwd: projectRoot,
    theme: createTheme(utf8, false),
    bell: true,
    clock: { now: () => now },
    suspend: async () => {},
    editPlan: async (_client, id) => `edited ${id}`,
  });
  app.done.catch(() => {});
  const text = async () => (await terminal.screen()).join("\n");
  const world: World = {
    terminal,
    app,
    screen,
    shows: (wanted) => poll(text, (shown) => shown.includes(wanted), wanted),
    hides: async (unwanted) =>
      void (await poll(text, (shown) => !shown.includes(unwanted), `no ${unwanted}`)),
    tick: (ms) => (now += ms),
  };
  worlds.push(world);
  return world;
}

async function poll(
  read: () => Promise<string>,
  holds: (text: string) => boolean,
  what: string,
): Promise<string> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const text = await read();
    if (holds(text)) return text;
    if (Date.now() > deadline) throw new Error(`never on the screen: ${what}\n${text}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function sampleDaemon(): FakeClient {
  return fakeClient({
    "loop.list": () => ({ loops: sampleLoops() }),
    "loop.iterations": () => ({ iterations: [], evidence: [] }),
    "loop.output": () => ({ output: "thinking\n", truncated: false }),
    "plan.get_preview": ({ id }) => ({
      id,
      content: "# Faster parser",
      specs: [],
      status: "awaiting_approval",
      plan: { title: "Faster parser", summary: "s", version: 4, author: "model", at: 0, levels: "auto" },
    }),
    "plan.approve": () => ({ approved: true, specs_spawned: 2 }),
    "plan.iterate": () => ({ iterated: true, feedback_received: true }),
    "loop.pause": () => ({ paused: true }),
    "loop.cancel": () => ({ cancelled: true }),
  });
}

const callsOf = (client: FakeClient, method: string) =>
  client.calls.filter((call) => call.method === method).map((call) => call.params);

test("rings when a run begins to wait for the person, not when it was waiting", async () => {
  const client = sampleDaemon();
  const world = openWorld(() => Promise.resolve(client));
  await world.shows("Login page");
  let rang = 0;
  world.terminal.xterm.onBell(() => (rang += 1));
  const rung = () => new Promise<number>((resolve) => world.terminal.xterm.write("", () => resolve(rang)));
  const working = sampleLoops()[0];
  if (!working) throw new Error("there is no sample");
  client.emit({ event: "loop.updated", data: { ...working, progress: "still at it" }, seq: 1 });
  expect(await rung()).toBe(0);
  const waits = { ...working, run_state: "awaiting_approval" as const, version: working.version + 1 };
  client.emit({ event: "loop.updated", data: waits, seq: 2 });
  expect(await rung()).toBe(1);
  client.emit({ event: "loop.updated", data: { ...waits, version: waits.version + 1 }, seq: 3 });
  expect(await rung()).toBe(1);
});

describe("starting", () => {
  test("is on the screen before the daemon answers, with what the start says", async () => {
    let answer: (client: FakeClient) => void = () => {};
    const world = openWorld((onProgress) => {
      onProgress("starting the daemon");
      return new Promise((resolve) => (answer = resolve));
    });
    await world.shows("connecting…");
    await world.shows("starting the daemon");
    answer(sampleDaemon());
    await world.shows("Add OAuth login");
  });

  test("a daemon that cannot be started ends it with the reason", async () => {
    const reason = new LooprError("daemon_start_failed", "no space left", "free some");
    const world = openWorld(() => Promise.reject(reason));
    const thrown: unknown = await world.app.done.then(
      () => null,
      (error: unknown) => error,
    );
    expect(thrown).toBe(reason);
  });

  test("quitting before the daemon answers leaves no connection behind", async () => {
    let answer: (client: FakeClient) => void = () => {};
    const world = openWorld(() => new Promise((resolve) => (answer = resolve)));
    world.terminal.type("\x03", "\x03");
    await world.app.done;
    const late = sampleDaemon();
    answer(late);
    await poll(
      async () => String(late.closed),
      (text) => text === "true",
      "the late connection closed",
    );
  });
});

describe("acting", () => {
  test("approves the plan that was shown, and says what came of it", async () => {
    const client = sampleDaemon();
    const world = openWorld(async () => client);
    await world.shows("press p");
    world.terminal.type("p");
    await world.shows("Plan to approve");
    await world.shows("b7f2  0 specs");
    world.terminal.type("a");
    await world.shows("Approved: 2 specs under way.");
    expect(callsOf(client, "plan.approve")).toEqual([{ id: plan, version: 4 }]);
    const approved = { ...aLoop({ id: plan, status: "complete", run_state: "executing" }), version: 2 };
    client.emit({ event: "loop.updated", data: approved, seq: 1 });
    await world.shows("LOOPS");
  });

  test("sends feedback as typed, in one piece or many", async () => {
    const client = sampleDaemon();
    const world = openWorld(async () => client);
    await world.shows("press p");
    world.terminal.type("p");
    await world.shows("Plan to approve");
    world.terminal.type("i");
    world.terminal.type(..."simplér");
    world.terminal.type("\x1b\r", "\x1b[200~no new\nlibrary\x1b[201~", "\r");
    await world.shows("Sent back");
    expect(callsOf(client, "plan.iterate")).toEqual([{ id: plan, feedback: "simplér\nno new\nlibrary" }]);
  });

  test("a refusal is shown with its hint, and what was typed is there again", async () => {
    const client = sampleDaemon();
    const call = client.call.bind(client);
    client.call = async (method, params) => {
      if (method === "plan.iterate") throw new RpcError(1002, "the plan is running", { hint: "wait for it" });
      return call(method, params);
    };
    const world = openWorld(async () => client);
    await world.shows("press p");
    world.terminal.type("p");
    await world.shows("Plan to approve");
    world.terminal.type("i", ..."again", "\r");
    expect(await world.shows("✗ the plan is running")).toContain("hint: wait for it");
    world.terminal.type("i");
    await world.shows("\nagain");
  });

  test("cancel asks, and does nothing on n", async () => {
    const client = sampleDaemon();
    const world = openWorld(async () => client);
    await world.shows("Add OAuth login");
    world.terminal.type("j", "x");
    await world.shows('Cancel "Add OAuth login" and 2 loops below it?');
    world.terminal.type("n");
    await world.hides("Cancel");
    expect(callsOf(client, "loop.cancel")).toEqual([]);
    world.terminal.type("x", "y");
    await world.shows("Cancelled.");
    expect(callsOf(client, "loop.cancel")).toEqual([{ id: run }]);
  });

  test("what this daemon cannot do is said, and nothing crashes", async () => {
    const world = openWorld(async () => sampleDaemon());
    await world.shows("Add OAuth login");
    world.terminal.type("G", "s");
    expect(await world.shows("Not available: loop.resume")).toContain("hint: build it");
  });
});

describe("staying up to date", () => {
  test("shows what happens as it happens", async () => {
    const client = sampleDaemon();
    const world = openWorld(async () => client);
    await world.shows("Login page");
    const loop = aLoop({ id: `${run}-002`, title: "Login page", progress: "commits", version: 2 });
    client.emit({ event: "loop.updated", data: loop, seq: 5 });
    await world.shows("commits");
    world.terminal.type("j", "j", "j", "o");
    await world.shows("thinking");
    client.emit({ event: "loop.output", data: { id: loop.id, stream: "model", text: "and \x1b[2Jdone\n" } });
    await world.shows("and done");
  });

  test("after a lost connection everything is asked for again, and nothing typed is lost", async () => {
    const client = sampleDaemon();
    const world = openWorld(async () => client);
    await world.shows("press p");
    world.terminal.type("p");
    await world.shows("Plan to approve");
    world.terminal.type("i", ..."half a sen");
    client.turn("reconnecting");
    await world.shows("reconnecting…");
    world.terminal.type(..."tence");
    const before = callsOf(client, "plan.get_preview").length;
    client.turn("connected");
    await world.hides("reconnecting…");
    await world.shows("half a sentence");
    expect(callsOf(client, "plan.get_preview").length).toBe(before + 1);
    expect(callsOf(client, "loop.list").length).toBe(4);
  });

  test("when the daemon is gone for good, Enter brings another connection", async () => {
    const clients: FakeClient[] = [];
    const world = openWorld(async () => {
      const client = sampleDaemon();
      clients.push(client);
      return client;
    });
    await world.shows("Add OAuth login");
    clients[0]?.turn("closed");
    await world.shows("Enter connects again");
    world.terminal.type("\r");
    await world.hides("Enter connects again");
    expect(clients.length).toBe(2);
    expect(clients[0]?.closed).toBe(true);
  });

  test("idle, it writes nothing", async () => {
    const client = fakeClient({ "loop.list": () => ({ loops: [] }) });
    const world = openWorld(async () => client);
    await world.shows("No loops");
    await world.terminal.screen();
    const written = world.terminal.written().length;
    // A heartbeat is no reason to draw either, nor to keep a timer.
    client.emit({ event: "stream.heartbeat", data: { seq: 1 } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.terminal.written().slice(written)).toBe("");
  });
});

test("quitting gives the terminal back: alternate screen left, cursor shown", async () => {
  const world = openWorld(async () => sampleDaemon());
  await world.shows("Add OAuth login");
  world.terminal.type("\x03");
  await world.shows("To quit, press Ctrl+C");
  world.tick(400);
  world.terminal.type("\x04");
  await world.app.done;
  world.screen.stop();
  await world.terminal.screen();
  expect(world.terminal.xterm.buffer.active.type).toBe("normal");
  expect(world.terminal.written()).toMatch(/\x1b\[\?25h/);
});
