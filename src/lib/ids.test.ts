import { describe, expect, test } from "bun:test";
import { abbreviations, childLoopId, hexPart, matchIds, newLoopId, shortId } from "./ids.ts";

const a = "1700000000000-a1b2c3d4e5f60718";
const b = "1700000000001-a1b2ffffffffffff";
const c = "1700000000002-0123456789abcdef";

describe("ids", () => {
  test("are made of time and randomness", () => {
    expect(newLoopId(1700000000000, new Uint8Array([0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 7, 0x18]))).toBe(
      "1700000000000-a1b2c3d4e5f60718",
    );
    expect(newLoopId(1)).toMatch(/^1-[0-9a-f]{16}$/);
  });

  test("of children and as people see them", () => {
    expect(childLoopId(a, 3)).toBe(`${a}-003`);
    expect(shortId(`${a}-003-001`)).toBe("a1b2.003.001");
    expect(hexPart(`${a}-003`)).toBe("a1b2c3d4e5f60718.003");
  });

  test("abbreviations grow until they mean one id", () => {
    const child = childLoopId(a, 1);
    expect(Object.fromEntries(abbreviations([a, b, c, child]))).toEqual({
      [a]: "a1b2c",
      [b]: "a1b2f",
      [c]: "0123",
      [child]: "a1b2c.001",
    });
  });

  test("every abbreviation is understood again", () => {
    const ids = [a, b, c, childLoopId(a, 1), childLoopId(b, 2)];
    for (const [id, short] of abbreviations(ids)) expect(matchIds(short, ids)).toEqual([id]);
  });
});

describe("matchIds", () => {
  const ids = [a, b, c, `${a}-001`, `${a}-001-002`];
  const cases: [string, string[]][] = [
    [a, [a]],
    ["a1b2", [a, b]],
    ["a1b2c", [a]],
    ["A1B2C", [a]],
    ["a1b2c.001", [`${a}-001`]],
    ["a1b2c.001.002", [`${a}-001-002`]],
    ["a1b2.001", [`${a}-001`]],
    ["a1b2c.1", []],
    ["ffff", []],
    ["", []],
    ["xyz", []],
    ["..", []],
  ];
  for (const [typed, expected] of cases) {
    test(JSON.stringify(typed), () => expect(matchIds(typed, ids)).toEqual(expected));
  }
});
