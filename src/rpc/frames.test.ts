import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeFrame, FrameDecoder, type RawFrame } from "./frames.ts";

const bytesMax = 100_000;
const frame = fc.record({ type: fc.integer({ min: 0, max: 255 }), payload: fc.jsonValue() });

function cut(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function decode(chunks: Buffer[], max = bytesMax): RawFrame[] {
  const decoder = new FrameDecoder(max);
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

describe("frames", () => {
  test("what is encoded comes back, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat()), (sent, places) => {
        const bytes = Buffer.concat(sent.map(({ type, payload }) => encodeFrame(type, payload, bytesMax)));
        expect(decode(cut(bytes, places))).toEqual(JSON.parse(JSON.stringify(sent)) as RawFrame[]);
      }),
    );
  });

  test("arbitrary bytes are frames, an incomplete frame, or frame_invalid: never another failure", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        try {
          decode(
            chunks.map((chunk) => Buffer.from(chunk)),
            30,
          );
        } catch (error) {
          expect(error).toMatchObject({ code: "frame_invalid" });
        }
      }),
    );
  });

  test("a cut stream gives the whole frames before the cut and no more", () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1 }), fc.nat(), (sent, at) => {
        const encoded = sent.map(({ type, payload }) => encodeFrame(type, payload, bytesMax));
        const bytes = Buffer.concat(encoded);
        const end = at % bytes.length;
        let whole = 0;
        for (let length = 0; whole < encoded.length; whole++) {
          length += encoded[whole]?.length ?? 0;
          if (length > end) break;
        }
        expect(decode([bytes.subarray(0, end)])).toHaveLength(whole);
      }),
    );
  });

  test("the limit holds on both sides, before the payload is there", () => {
    expect(() => encodeFrame(1, "x".repeat(50), 51)).toThrow("passes the limit");
    const header = Buffer.from([0, 0, 0, 53, 1]);
    expect(() => new FrameDecoder(52).push(header)).toThrow("announces 53 bytes");
    expect(new FrameDecoder(53).push(header)).toEqual([]);
  });

  test("a payload that is no JSON is named as such", () => {
    const bytes = Buffer.from([0, 0, 0, 1, 1, 0x7b]);
    expect(() => new FrameDecoder(10).push(bytes)).toThrow("not JSON");
  });
});
