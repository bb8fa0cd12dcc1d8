import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeLine, LineDecoder, type Line } from "./lines.ts";

/** Cuts bytes at the given places, which may repeat and lie anywhere. */
function cut(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function decode(chunks: Buffer[], bytesMax = 1_000_000): Line[] {
  const decoder = new LineDecoder(bytesMax);
  return chunks.flatMap((chunk) => decoder.push(chunk));
}

describe("lines", () => {
  test("what is encoded comes back, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat()), (values, places) => {
        const bytes = Buffer.from(values.map((value) => encodeLine(value)).join(""));
        const lines = decode(cut(bytes, places));
        expect(
          lines.map((line) => (line.kind === "line" ? (JSON.parse(line.text) as unknown) : line)),
        ).toEqual(values.map((value) => JSON.parse(JSON.stringify(value)) as unknown));
      }),
    );
  });

  test("no bytes make it throw or return a line over the limit; after too_long it stays silent", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 64 })),
        fc.integer({ min: 1, max: 40 }),
        (chunks, max) => {
          const lines = decode(
            chunks.map((chunk) => Buffer.from(chunk)),
            max,
          );
          const broken = lines.findIndex((line) => line.kind === "too_long");
          if (broken >= 0) expect(broken).toBe(lines.length - 1);
          for (const line of lines) {
            // A broken character is one byte in, and three as the character that stands for it.
            if (line.kind === "line") expect(Buffer.byteLength(line.text)).toBeLessThanOrEqual(3 * max);
          }
        },
      ),
    );
  });

  test("the limit counts the bytes of one line, its newline excluded", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.nat()), (max, places) => {
        const exact = Buffer.from("x".repeat(max) + "\n");
        expect(decode(cut(exact, places), max)).toEqual([{ kind: "line", text: "x".repeat(max) }]);
        const over = Buffer.from("x".repeat(max + 1) + "\n");
        expect(decode(cut(over, places), max)).toEqual([{ kind: "too_long" }]);
      }),
    );
  });

  test("bytes that are not UTF-8 are told as such, however they are cut, and what follows is read", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat()), (text, places) => {
        const line = text.replaceAll("\n", " ").toWellFormed();
        const broken = Buffer.concat([Buffer.from(line), Buffer.from([0xe2, 0x82, 0x0a])]);
        const right = Buffer.from("\ufffd " + line + "€\n");
        expect(decode(cut(Buffer.concat([broken, right]), places))).toEqual([
          { kind: "not_utf8" },
          { kind: "line", text: ("\ufffd " + line + "€").trim() },
        ]);
      }),
    );
  });

  test("CRLF and blank lines are tolerated", () => {
    expect(decode([Buffer.from("\r\n\n  \na\r\n\nb\n")])).toEqual([
      { kind: "line", text: "a" },
      { kind: "line", text: "b" },
    ]);
  });
});
