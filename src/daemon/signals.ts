// What signals mean to the daemon.

export interface SignalActions {
  /** SIGTERM, SIGINT: the first time graceful, then at once. */
  stop(mode: "graceful" | "now", signal: string): void;
  /** SIGHUP. */
  reopenLog(): void;
}

export function installSignals(actions: SignalActions): void {
  let received = 0;
  const stop = (signal: string): void => {
    received++;
    actions.stop(received === 1 ? "graceful" : "now", signal);
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  process.on("SIGHUP", () => actions.reopenLog());
  process.on("SIGPIPE", () => {});
}
