import { describe, expect, test } from "bun:test";
import { notCircling, noteTurn, type MadeCall } from "./stuck.ts";

function stuckAfter(turns: MadeCall[][]): boolean[] {
  let circling = notCircling;
  return turns.map((calls) => {
    const next = noteTurn(circling, calls);
    circling = next.circling;
    return next.stuck !== null;
  });
}

const read: MadeCall = { name: "read_file", input: { path: "a" }, fitsSchema: true };
const other: MadeCall = { name: "read_file", input: { path: "b" }, fitsSchema: true };
const bad = (n: number): MadeCall => ({ name: "write_file", input: { n }, fitsSchema: false });

describe("going round in circles", () => {
  test("is the same call five times in a row, over turns or within one", () => {
    expect(stuckAfter([[read], [read], [read], [read], [read]])).toEqual([false, false, false, false, true]);
    expect(stuckAfter([[read, read, read, read, read]])).toEqual([true]);
  });
  test("is not the same call with another between", () => {
    expect(stuckAfter([[read, read], [read, read, other], [read]])).toEqual([false, false, false]);
  });
  test("is three turns in a row in which no call fits", () => {
    expect(stuckAfter([[bad(1), bad(2)], [bad(3)], [bad(4)]])).toEqual([false, false, true]);
  });
  test("is not three of them with a good call between", () => {
    expect(stuckAfter([[bad(1)], [bad(2)], [bad(3), read], [bad(4)], [bad(5)]])).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
