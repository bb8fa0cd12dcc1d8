import { expect, test } from "bun:test";
import { parseSince } from "./report.ts";

const now = new Date(2026, 0, 31, 12, 0).getTime();

test("a time ago, or a date in the person's own time", () => {
  expect(parseSince("90m", now)).toBe(now - 90 * 60_000);
  expect(parseSince("12h", now)).toBe(now - 12 * 3_600_000);
  expect(parseSince("3d", now)).toBe(now - 3 * 86_400_000);
  expect(parseSince("2w", now)).toBe(now - 14 * 86_400_000);
  expect(parseSince("2026-01-31", now)).toBe(new Date(2026, 0, 31).getTime());
  expect(parseSince("2026-01-30T18:30", now)).toBe(new Date(2026, 0, 30, 18, 30).getTime());
  expect(parseSince("2026-01-30 18:30", now)).toBe(new Date(2026, 0, 30, 18, 30).getTime());
});

test.each(["", "soon", "3", "3 days", "-3d", "2026-13-01", "1e3h", "2026-01-31T25:00"])(
  "%j is refused",
  (text) => {
    expect(() => parseSince(text, now)).toThrow("is no time");
  },
);
