// Client ↔ state ↔ screen: the only place where the interface does anything.
import { basename } from "node:path";
import { watchLiveness, type Liveness } from "../client/liveness.ts";
import type { Client, ConnectionState } from "../client/types.ts";
import { Loop } from "../domain/loop.ts";
import { noticeOf } from "../domain/notice.ts";
import type { Clock } from "../lib/clock.ts";
import { deferred, type Deferred } from "../lib/deferred.ts";
import type { EventMessage } from "../protocol/messages.ts";
import { interpret, type Command, type Effect, type Key } from "./keys.ts";
import { reduce } from "./reduce.ts";
import { failed, load, perform, snapshot, staleResources } from "./remote.ts";
import { initialState, type Action, type State } from "./state.ts";
import type { Screen } from "./terminal.ts";
import type { Theme } from "./theme.ts";
import { nextTickIn } from "./ticking.ts";
import { liveness } from "./timing.ts";
import { frame } from "./views/frame.ts";

export interface TuiOptions {
  screen: Screen;
  /** Starts the daemon if none answers, and reconnects by itself. */
  connect(onProgress: (text: string) => void): Promise<Client>;
  /** This program's version: another one of the daemon is shown. */
  version: string;
  cwd: string;
  theme: Theme;
  /** Ring when a run begins to wait for the person, or ends. */
  bell: boolean;
  clock: Clock;
  /** Stops the process until it is continued (Ctrl+Z). */
  suspend(): Promise<void>;
  /** Opens the person's editor on a plan, with the terminal to itself, and says what came of it. */
  editPlan(client: Client, id: string): Promise<string>;
}

export interface Tui {
  /** Resolves when the person has quit; rejects where the first connection fails. */
  readonly done: Promise<void>;
  quit(): void;
}

/** The screen is up at once; the daemon is connected to behind it. The caller stops the screen. */
export function openTui(options: TuiOptions): Tui {
  const app = new App(options);
  app.open();
  return { done: app.done.promise, quit: () => app.done.resolve() };
}

const notConnected = {
  message: "The daemon is not connected yet.",
  hint: "wait a moment, then press it again",
};

class App {
  readonly done: Deferred<void> = deferred();
  readonly #options: TuiOptions;
  #state: State;
  #client: Client | null = null;
  #liveness: Liveness | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: TuiOptions) {
    const { screen, theme, clock, cwd } = options;
    this.#options = options;
    this.#state = initialState({
      now: clock.now(),
      columns: screen.columns,
      rows: screen.rows,
      glyphs: theme.glyphs,
      scopeName: basename(cwd) || cwd,
    });
    const close = () => this.#close();
    this.done.promise.then(close, close);
  }

  open(): void {
    this.#startScreen();
    this.#connect().catch((error: unknown) => this.done.reject(error));
  }

  /** After the client has given up: a new one, which may start the daemon anew. */
  async #connectAgain(): Promise<void> {
    if (this.#state.connection !== "closed") return;
    this.#liveness?.stop();
    this.#client?.close();
    this.#client = null;
    this.#dispatch({ type: "connection", connection: "connecting", otherVersion: null });
    try {
      await this.#connect();
    } catch (error) {
      this.#dispatch({ type: "connection", connection: "closed", otherVersion: null });
      this.#dispatch({ type: "failed", error: failed(error) });
    }
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#liveness?.stop();
    this.#client?.close();
  }

  #startScreen(): void {
    this.#options.screen.start({
      render: (columns, rows) => this.#render(columns, rows),
      onKey: (key) => this.#onKey(key),
    });
  }

  #render(columns: number, rows: number): string[] {
    if (columns !== this.#state.columns || rows !== this.#state.rows) {
      this.#state = reduce(this.#state, { type: "resized", columns, rows });
    }
    return frame(this.#state, this.#options.theme);
  }

  // -------------------------------------------------------------- connection

  async #connect(): Promise<void> {
    const client = await this.#options.connect((text) => this.#dispatch({ type: "connecting", text }));
    if (this.#closed) {
      client.close();
      return;
    }
    this.#client = client;
    this.#watchLiveness(client);
    client.onEvent((event) => {
      this.#liveness?.heard();
      if (this.#options.bell && this.#calls(event)) this.#options.screen.ring();
      this.#dispatch({ type: "event", event });
    });
    client.onState((connection) => this.#onConnection(client, connection));
    // Events first, then the list: whatever happens in between is in one of them.
    await client.subscribe();
    this.#onConnection(client, client.state);
  }

  /** Whether an event tells of a run that waits for the person or has ended, and did not before. */
  #calls(event: EventMessage): boolean {
    if (event.event !== "loop.updated") return false;
    const after = Loop.safeParse(event.data);
    const before = after.success ? this.#state.loops.get(after.data.id) : undefined;
    return after.success && before !== undefined && noticeOf(before.run_state, after.data) !== null;
  }

  #watchLiveness(client: Client): void {
    this.#liveness?.stop();
    this.#liveness = watchLiveness({
      ping: (timeoutMs) => client.call("ping", {}, { timeoutMs }),
      onSilence: (since) => {
        if (client === this.#client) this.#dispatch({ type: "silence", since });
      },
      now: () => this.#options.clock.now(),
      times: liveness,
    });
  }

  #onConnection(client: Client, connection: ConnectionState): void {
    if (client !== this.#client) return;
    this.#liveness?.heard();
    const { version } = client.server;
    const otherVersion = version === this.#options.version ? null : version;
    this.#dispatch({ type: "connection", connection, otherVersion });
  }

  // -------------------------------------------------------------- state

  #dispatch(action: Action): void {
    if (this.#closed) return;
    const ticked = reduce(this.#state, { type: "ticked", now: this.#options.clock.now() });
    const next = reduce(ticked, action);
    // Output of loops that are not on the screen, heartbeats: nothing to draw.
    if (next === ticked && action.type !== "ticked") return;
    this.#state = next;
    this.#options.screen.refresh();
    this.#fetch();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const wait = nextTickIn(this.#state);
    if (wait === null) return;
    this.#timer = setTimeout(() => this.#dispatch({ type: "ticked", now: this.#options.clock.now() }), wait);
  }

  /** Asks for whatever the state says is missing. Answers that come too late are the reducer's business. */
  #fetch(): void {
    const client = this.#client;
    if (!client || this.#state.connection !== "connected") return;
    if (this.#state.snapshot.phase === "stale") {
      this.#state = reduce(this.#state, { type: "snapshot_started" });
      snapshot(client, this.#options.cwd).then(
        (action) => this.#dispatch(action),
        (error: unknown) => this.#dispatch({ type: "snapshot_failed", error: failed(error) }),
      );
    }
    for (const { resource, id } of staleResources(this.#state)) {
      this.#state = reduce(this.#state, { type: "load_started", resource, id });
      load(client, resource, id).then(
        (action) => this.#dispatch(action),
        (error: unknown) => this.#dispatch({ type: "load_failed", resource, id, error: failed(error) }),
      );
    }
  }

  // -------------------------------------------------------------- keys

  #onKey(key: Key): void {
    this.#dispatch({ type: "ticked", now: this.#options.clock.now() });
    for (const command of interpret(this.#state, key)) this.#execute(command);
  }

  #execute(command: Command): void {
    if ("type" in command) this.#dispatch(command);
    else this.#perform(command);
  }

  #perform(effect: Effect): void {
    switch (effect.effect) {
      case "quit":
        return this.done.resolve();
      case "redraw":
        return this.#options.screen.redraw();
      case "connect":
        return void this.#connectAgain();
      case "suspend":
        return void this.#suspend();
      case "edit":
        return void this.#edit(effect.id);
      case "act":
        return void this.#act(effect);
    }
  }

  async #suspend(): Promise<void> {
    this.#options.screen.stop();
    await this.#options.suspend();
    if (!this.#closed) this.#startScreen();
  }

  async #edit(id: string): Promise<void> {
    const client = this.#client;
    this.#dispatch({ type: "acting" });
    if (!client) return this.#dispatch({ type: "failed", error: notConnected });
    this.#options.screen.stop();
    const told = await this.#options.editPlan(client, id).then(
      (text): Action => ({ type: "told", text }),
      (error: unknown): Action => ({ type: "failed", error: failed(error) }),
    );
    if (this.#closed) return;
    this.#startScreen();
    this.#dispatch(told);
  }

  async #act(effect: Extract<Effect, { effect: "act" }>): Promise<void> {
    const { act, id } = effect;
    const client = this.#client;
    this.#dispatch({ type: "acting" });
    if (!client) return this.#dispatch({ type: "failed", error: notConnected });
    try {
      const told = await perform(client, effect);
      if (act === "reject" || act === "iterate") this.#dispatch({ type: "sent", kind: act, id });
      this.#dispatch({ type: "told", text: told });
    } catch (error) {
      this.#dispatch({ type: "failed", error: failed(error) });
    }
  }
}
