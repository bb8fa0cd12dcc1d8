// A bare connection to the daemon's socket, without the client's own work.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

export class Wire {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #buffer = "";
  #next = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8").on("data", (text: string) => this.#take(text));
  }

  static open(home: string): Promise<Wire> {
    const identity = JSON.parse(readFileSync(join(home, "daemon.json"), "utf8")) as { socket: string };
    return new Promise((resolve, reject) => {
      const socket = connect(identity.socket, () => resolve(new Wire(socket))).on("error", reject);
    });
  }

  /** The result; an error of the daemon is thrown. */
  call(method: string, params: object = {}): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (answer) => {
        const { result, error } = answer as { result?: unknown; error?: { message: string } };
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#buffer + text).split("\n");
    this.#buffer = lines.pop() ?? "";
    for (const line of lines) {
      const answer = JSON.parse(line) as { id?: number };
      if (answer.id === undefined) continue;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }
}
