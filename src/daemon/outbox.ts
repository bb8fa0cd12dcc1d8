// What waits to be sent to one client. The lines of one turn of the event loop are one write; what a slow
// client has not taken goes out in pieces, so that its progress shows.
import type { Socket } from "node:net";

const pieceBytes = 64 * 1024;

export class Outbox {
  /** Called when the client has taken something. */
  onProgress: () => void = () => {};
  readonly #socket: Socket;
  /** Lines of this turn. */
  #turn = "";
  #flushing = false;
  /** What the socket has not been given yet, and its length. */
  #backlog: Buffer[] = [];
  #backlogBytes = 0;
  /** The socket has told us to wait for its `drain`. */
  #full = false;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("drain", () => {
      this.#full = false;
      this.#feed();
      this.onProgress();
    });
  }

  /** What the client has not taken. Some characters of this turn are more than a byte: near enough. */
  get unreadBytes(): number {
    return this.#turn.length + this.#backlogBytes + this.#socket.writableLength;
  }

  push(line: string): void {
    this.#turn += line;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.flush());
  }

  flush(): void {
    this.#flushing = false;
    const text = this.#turn;
    this.#turn = "";
    if (text === "" || this.#socket.destroyed) return;
    if (!this.#full && text.length <= pieceBytes) {
      this.#full = !this.#socket.write(text);
      return;
    }
    const bytes = Buffer.from(text);
    this.#backlog.push(bytes);
    this.#backlogBytes += bytes.length;
    this.#feed();
  }

  /** Nothing comes after this: the socket's writing half closes behind the last byte. */
  end(): void {
    this.flush();
    this.#ended = true;
    this.#feed();
  }

  #feed(): void {
    while (!this.#full && !this.#socket.destroyed) {
      const bytes = this.#backlog[0];
      if (bytes === undefined) break;
      const piece = bytes.subarray(0, pieceBytes);
      if (piece.length === bytes.length) this.#backlog.shift();
      else this.#backlog[0] = bytes.subarray(pieceBytes);
      this.#backlogBytes -= piece.length;
      this.#full = !this.#socket.write(piece);
    }
    if (this.#ended && this.#backlog.length === 0 && !this.#socket.writableEnded) this.#socket.end();
  }
}
