// Codec of the runner's channel: 4-byte big-endian payload length, 1 byte type, JSON payload.
import { LooprError } from "../lib/errors.ts";

const headerBytes = 5;

export function encodeFrame(type: number, payload: unknown, bytesMax: number): Buffer {
  const body = Buffer.from(JSON.stringify(payload));
  if (body.length > bytesMax) {
    throw new LooprError(
      "frame_too_large",
      `a frame of ${body.length} bytes passes the limit of ${bytesMax}`,
    );
  }
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt8(type, 4);
  body.copy(frame, headerBytes);
  return frame;
}

export interface RawFrame {
  type: number;
  payload: unknown;
}

/**
 * Takes bytes as they come, split anywhere, and returns the frames that they complete.
 * Throws `frame_invalid` on an oversized or unparsable frame; the stream is unusable after that.
 */
export class FrameDecoder {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): RawFrame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: RawFrame[] = [];
    for (;;) {
      if (this.#length < headerBytes) return frames;
      const header = this.#peek(headerBytes);
      const size = header.readUInt32BE(0);
      if (size > this.#bytesMax) {
        throw new LooprError(
          "frame_invalid",
          `a frame announces ${size} bytes; the limit is ${this.#bytesMax}`,
        );
      }
      if (this.#length < headerBytes + size) return frames;
      const whole = this.#peek(headerBytes + size);
      this.#chunks = [whole.subarray(headerBytes + size)];
      this.#length -= headerBytes + size;
      frames.push({
        type: whole.readUInt8(4),
        payload: parse(whole.subarray(headerBytes, headerBytes + size)),
      });
    }
  }

  /** The buffered bytes as one buffer, joined only when a frame may be complete. */
  #peek(bytes: number): Buffer {
    const first = this.#chunks[0];
    if (first && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new LooprError("frame_invalid", "a frame's payload is not JSON", "", { cause });
  }
}
