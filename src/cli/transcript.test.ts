import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { afterOverlap, afterTail, Transcript } from "./transcript.ts";

describe("joining texts", () => {
  const overlaps: [string, string, string][] = [
    ["abc", "bcd", "d"],
    ["abc", "abc", ""],
    ["abc", "xyz", "xyz"],
    ["", "abc", "abc"],
    ["abc", "", ""],
    ["aaa", "aaaa", "a"],
  ];
  for (const [before, next, rest] of overlaps) {
    test(`${before} + ${next}`, () => expect(afterOverlap(before, next)).toBe(rest));
  }

  test("what was read anew goes on where the shown text ended", () => {
    expect(afterTail("cd", "abcdef")).toBe("ef");
    expect(afterTail("", "abc")).toBe("abc");
    expect(afterTail("zz", "abc")).toBe("abc"); // another iteration's output
  });
});

describe("a transcript", () => {
  const collect = () => {
    const shown: string[] = [];
    const transcript = new Transcript(
      (lines) => shown.push(lines),
      (id) => `==> ${id}`,
    );
    return { transcript, shown };
  };

  test("stored text and chunks that came while it was read: nothing lost, nothing twice", () => {
    // What is stored when the request is answered lies anywhere after where listening began.
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 8 }), fc.nat(8), fc.nat(8), (ends, from, extra) => {
        const chunks = ends.map((isEnd, n) => `chunk ${n};${isEnd ? "\n" : ""}`);
        const start = Math.min(from, chunks.length);
        const stored = Math.min(start + extra, chunks.length);
        const { transcript, shown } = collect();
        const take = transcript.reading("x");
        for (const chunk of chunks.slice(start, stored)) transcript.chunk("x", chunk);
        take(chunks.slice(0, stored).join(""));
        for (const chunk of chunks.slice(stored)) transcript.chunk("x", chunk);
        transcript.flush();
        expect(shown.join("\n")).toBe(chunks.join("").replace(/\n$/, ""));
      }),
    );
  });

  test("goes on after a lost connection", () => {
    const { transcript, shown } = collect();
    transcript.chunk("x", "one\ntwo\n");
    const take = transcript.reading("x");
    transcript.chunk("x", "four\n");
    take("one\ntwo\nthree\nfour\n");
    expect(shown).toEqual(["one\ntwo", "three\nfour"]);
  });

  test("without stored text, what was held is shown", () => {
    const { transcript, shown } = collect();
    const take = transcript.reading("x");
    transcript.chunk("x", "one\n");
    take(null);
    expect(shown).toEqual(["one"]);
  });

  test("announces who speaks when that changes", () => {
    const { transcript, shown } = collect();
    transcript.chunk("x", "one\nopen");
    transcript.chunk("y", "two\n");
    transcript.chunk("x", "three\n");
    transcript.flush();
    expect(shown).toEqual(["one", "open", "==> y", "two", "==> x", "three"]);
  });

  test("is harmless, also where an escape sequence comes in two pieces", () => {
    const { transcript, shown } = collect();
    transcript.chunk("x", "a\x1b[3");
    transcript.chunk("x", "1mb\x07\n");
    expect(shown).toEqual(["ab"]);
  });
});
