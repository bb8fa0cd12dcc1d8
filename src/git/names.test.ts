import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeName, encodeName, joinNames, showName, splitNames, splitNul } from "./names.ts";

describe("names", () => {
  test("any bytes survive the way to a string and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(encodeName(decodeName(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  test("any text survives", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeName(encodeName(text))).toBe(text);
      }),
    );
  });

  test("surrogates in UTF-8 form are bytes, not characters", () => {
    const bytes = Buffer.from([0x61, 0xed, 0xb2, 0x80, 0x62]);
    expect(encodeName(decodeName(bytes))).toEqual(bytes);
  });

  test("lists of names", () => {
    const names = ["a", "-b", 'with "quotes"', "line\nbreak", decodeName(Buffer.from([0xff, 0x41]))];
    expect(splitNames(joinNames(names))).toEqual(names);
    expect(splitNul(Buffer.alloc(0))).toEqual([]);
    expect(splitNul(Buffer.from("a\0b")).map(String)).toEqual(["a", "b"]);
  });

  test("shown without control characters", () => {
    expect(showName("süß und klar.txt")).toBe("süß und klar.txt");
    expect(showName("a\nb\x1b[31m")).toBe('"a\\nb\\u001b[31m"');
  });
});
