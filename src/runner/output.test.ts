import { afterAll, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OutputCollector } from "./output.ts";

const directory = mkdtempSync(join(tmpdir(), "loopr-output-"));
afterAll(() => rmSync(directory, { recursive: true }));

function collect(chunks: readonly Uint8Array[], bytesMax: number): { text: string; truncated: boolean } {
  const output = new OutputCollector({ bytesMax });
  for (const chunk of chunks) output.push("stdout", Buffer.from(chunk));
  return output.finish();
}

test("what fits is kept as it is, however it was split", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat(40)), (text, cuts) => {
      const wellFormed = text.toWellFormed();
      const bytes = Buffer.from(wellFormed);
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) chunks.push(bytes.subarray(at, (at += cut)));
      chunks.push(bytes.subarray(at));
      expect(collect(chunks, 1_000_000)).toEqual({ text: wellFormed, truncated: false });
    }),
  );
});

test("whatever comes in, it is valid UTF-8 and about as long as allowed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 200 })),
      fc.integer({ min: 1, max: 300 }),
      (chunks, bytesMax) => {
        const { text, truncated } = collect(chunks, bytesMax);
        expect(text.isWellFormed()).toBe(true);
        const kept = text.replace(/\n\[… \d+ bytes of output cut here …\]\n/, "");
        expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(bytesMax);
        expect(truncated).toBe(kept !== text);
      },
    ),
  );
});

test("head and tail, with the number of bytes between them; no character is cut in two", () => {
  const text = "ä".repeat(1000);
  const { text: kept, truncated } = collect([Buffer.from(text)], 101);
  expect(truncated).toBe(true);
  expect(kept).toBe(`${"ä".repeat(25)}\n[… ${2000 - 50 - 50} bytes of output cut here …]\n${"ä".repeat(25)}`);
});

test("the end of a long output is its end, in many small pieces and in one large", () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`);
  for (const chunks of [lines, [lines.join("")]]) {
    const { text } = collect(
      chunks.map((chunk) => Buffer.from(chunk)),
      1000,
    );
    expect(text).toStartWith("line 0\nline 1\n");
    expect(text).toEndWith("line 19998\nline 19999\n");
  }
});

test("a character split between two chunks of one stream survives the other stream's between them", () => {
  const output = new OutputCollector({ bytesMax: 100 });
  const euro = Buffer.from("€");
  output.push("stdout", euro.subarray(0, 1));
  output.push("stderr", Buffer.from("x"));
  output.push("stdout", euro.subarray(1));
  expect(output.finish().text).toBe("x€");
});

test("the file holds the bytes, up to its bound, and is never written through a link", () => {
  const path = join(directory, "spill");
  const output = new OutputCollector({ bytesMax: 4, spillPath: path, spillBytesMax: 10 });
  for (const text of ["12345", "6789\xff", "more"]) output.push("stdout", Buffer.from(text, "latin1"));
  expect(output.finish().path).toBe(path);
  const kept = readFileSync(path);
  expect(kept.subarray(0, 10)).toEqual(Buffer.from("123456789\xff", "latin1"));
  expect(kept.subarray(10).toString("utf8")).toContain("the rest is cut");

  writeFileSync(join(directory, "precious"), "precious");
  symlinkSync(join(directory, "precious"), join(directory, "link"));
  const linked = new OutputCollector({ bytesMax: 4, spillPath: join(directory, "link") });
  linked.push("stdout", Buffer.from("x"));
  expect(linked.finish().path).toBeUndefined();
  expect(readFileSync(join(directory, "precious"), "utf8")).toBe("precious");
});

test("no output, no file", () => {
  const path = join(directory, "none");
  expect(new OutputCollector({ bytesMax: 4, spillPath: path }).finish()).toEqual({
    text: "",
    truncated: false,
  });
  expect(() => readFileSync(path)).toThrow();
});

test("live: all of a little, a part of a flood and how much is missing", () => {
  const sent: [string, string][] = [];
  const output = new OutputCollector({ bytesMax: 100, onLive: (stream, text) => sent.push([stream, text]) });
  output.push("stdout", Buffer.from("a"));
  output.push("stdout", Buffer.from("b"));
  output.push("stderr", Buffer.from("c"));
  output.push("stdout", Buffer.from("d".repeat(100_000)));
  output.finish();
  expect(sent.slice(0, 2)).toEqual([
    ["stdout", "ab"],
    ["stderr", "c"],
  ]);
  expect(sent[2]?.[1].length).toBe(16 * 1024 - 3);
  expect(sent[3]?.[1]).toContain(`${100_000 - 16 * 1024 + 3} characters not shown live`);
});
