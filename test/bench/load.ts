// A client that does next to nothing itself, so that what is measured is the server.
import { connect, type Socket } from "node:net";

const ping = '{"id":1,"method":"ping"}\n';

/** Microseconds of each of so many round trips, one after the other on one connection. */
export async function roundTripsUs(path: string, count: number): Promise<number[]> {
  const socket = await open(path);
  const took: number[] = [];
  await new Promise<void>((resolve, reject) => {
    let start = performance.now();
    socket.on("error", reject);
    socket.on("data", () => {
      took.push(1000 * (performance.now() - start));
      if (took.length === count) return resolve();
      start = performance.now();
      socket.write(ping);
    });
    start = performance.now();
    socket.write(ping);
  });
  socket.destroy();
  return took;
}

/** Answers in a second, to requests that do not wait for each other. */
export async function pipelinedPerSecond(path: string, count: number): Promise<number> {
  const socket = await open(path);
  const requests = Buffer.from(ping.repeat(count));
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    let answers = 0;
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the connection was closed after ${answers} answers`)));
    socket.on("data", (chunk: Buffer) => {
      for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) answers++;
      if (answers === count) resolve();
    });
    socket.write(requests);
  });
  const seconds = (performance.now() - start) / 1000;
  socket.removeAllListeners("close").destroy();
  return count / seconds;
}

export interface Listeners {
  /** Milliseconds from the first to the last of them getting the event that `trigger` brings about. */
  spreadMs(trigger: () => Promise<unknown>): Promise<number>;
  close(): void;
}

/** So many connections, each of which first sends `hello`. An event counts where its text holds `wanted`. */
export async function listeners(
  path: string,
  count: number,
  hello: string,
  wanted: string,
): Promise<Listeners> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(path)));
  let onEvent: (index: number) => void = () => {};
  const answered = sockets.map(
    (socket, index) =>
      new Promise<void>((resolve) => {
        socket.on("data", (chunk: Buffer) => {
          if (chunk.includes(wanted)) onEvent(index);
          resolve();
        });
        if (hello === "") resolve();
        else socket.write(hello);
      }),
  );
  await Promise.all(answered);
  return {
    spreadMs: (trigger) =>
      new Promise((resolve, reject) => {
        const missing = new Set(sockets.keys());
        let first = Number.NaN;
        onEvent = (index) => {
          if (missing.size === count) first = performance.now();
          if (missing.delete(index) && missing.size === 0) resolve(performance.now() - first);
        };
        trigger().catch(reject);
      }),
    close: () => sockets.forEach((socket) => socket.destroy()),
  };
}

export function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.removeListener("error", reject);
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
