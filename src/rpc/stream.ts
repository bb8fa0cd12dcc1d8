// The client's end of a Unix socket. Bun's own sockets where it is Bun that runs us: `node:net` costs a short
// command a third of its time only for being loaded. Both ways behave alike, and a test holds them to it.

export interface Stream {
  /** Never fails: of a stream that is gone, `onClose` tells. */
  write(text: string): void;
  /** At once; `onClose` is not called. */
  close(): void;
}

export interface StreamEvents {
  onData: (chunk: Buffer) => void;
  /** Once, when the other end or the system has ended it. */
  onClose: () => void;
}

export type OpenStream = (path: string, events: StreamEvents) => Promise<Stream>;

/** Rejects with the system's error (`ENOENT`, `ECONNREFUSED`, …). */
export const openStream: OpenStream = (path, events) => {
  const bun = (globalThis as { Bun?: BunSockets }).Bun;
  return bun === undefined ? openNodeStream(path, events) : openBunStream(bun, path, events);
};

/** What is used of https://bun.com/reference/bun/connect. */
interface BunSockets {
  connect(options: { unix: string; socket: BunHandlers }): Promise<BunSocket>;
}

interface BunHandlers {
  data(socket: BunSocket, chunk: Buffer): void;
  drain(socket: BunSocket): void;
  close(socket: BunSocket): void;
  error(socket: BunSocket, error: Error): void;
}

interface BunSocket {
  /** Takes as much as the system has room for, and returns how many bytes that were; -1: it is closed. */
  write(bytes: Uint8Array): number;
  terminate(): void;
}

async function openBunStream(bun: BunSockets, path: string, events: StreamEvents): Promise<Stream> {
  let waiting: Uint8Array[] = [];
  let closed = false;
  const flush = (socket: BunSocket): void => {
    while (!closed) {
      const [bytes] = waiting;
      if (bytes === undefined) return;
      const taken = Math.max(0, socket.write(bytes));
      if (taken < bytes.length) {
        waiting[0] = bytes.subarray(taken);
        return; // `drain` or `close` follows.
      }
      waiting.shift();
    }
  };
  const end = (): void => {
    if (closed) return;
    closed = true;
    waiting = [];
    events.onClose();
  };
  const socket = await bun.connect({
    unix: path,
    socket: {
      data: (_socket, chunk) => {
        if (!closed) events.onData(chunk);
      },
      drain: flush,
      close: end,
      error: end,
    },
  });
  return {
    write: (text) => {
      waiting.push(Buffer.from(text));
      if (waiting.length === 1) flush(socket);
    },
    close: () => {
      closed = true;
      waiting = [];
      socket.terminate();
    },
  };
}

/** Exported for the test that holds both ways to the same behaviour. */
export async function openNodeStream(path: string, events: StreamEvents): Promise<Stream> {
  const { connect } = await import("node:net");
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.removeListener("error", reject);
      socket.on("error", () => {}); // `close` follows.
      socket.on("data", events.onData);
      socket.on("close", events.onClose);
      resolve({
        write: (text) => void socket.write(text),
        close: () => {
          socket.removeListener("close", events.onClose);
          socket.removeListener("data", events.onData);
          socket.destroy();
        },
      });
    });
  });
}
