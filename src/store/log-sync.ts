// Puts what is in the write-ahead log on the disk without anybody waiting for it: for what is stored as soon as it is
// known, and has happened whether or not a power cut takes the record of it.
import { close, fdatasync, open } from "node:fs";

export class LogSync {
  readonly #path: string;
  readonly #onFailure: (error: Error) => void;
  #fd: number | null = null;
  #isBusy = false;
  #isWanted = false;
  #isClosed = false;

  /** `path`: of the log. It stays the same file for as long as the database is open. */
  constructor(path: string, onFailure: (error: Error) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
  }

  /** What has been written until now is on the disk a moment later. Calls while one is under way become one more. */
  soon(): void {
    this.#isWanted = true;
    if (!this.#isBusy) this.#next();
  }

  close(): void {
    this.#isClosed = true;
    if (!this.#isBusy) this.#closeFile();
  }

  #next(): void {
    if (this.#isClosed || !this.#isWanted) {
      this.#isBusy = false;
      if (this.#isClosed) this.#closeFile();
      return;
    }
    this.#isBusy = true;
    const fd = this.#fd;
    if (fd === null) return this.#open();
    this.#isWanted = false;
    fdatasync(fd, (error) => {
      if (error) this.#onFailure(error);
      this.#next();
    });
  }

  #open(): void {
    open(this.#path, "r", (error, fd) => {
      if (error) {
        // A store in memory has no log. Any other one is told of, and the next transaction waits for the disk itself.
        this.#isWanted = false;
        if (error.code !== "ENOENT") this.#onFailure(error);
      } else this.#fd = fd;
      this.#next();
    });
  }

  #closeFile(): void {
    if (this.#fd !== null) close(this.#fd, () => undefined);
    this.#fd = null;
  }
}
