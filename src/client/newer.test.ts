import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isNewer, type Built } from "./newer.ts";

describe("a build is newer than another", () => {
  /** Ascending. */
  const versions = [
    "0.2.0-alpha",
    "0.2.0-alpha.1",
    "0.2.0-alpha.beta",
    "0.2.0-beta.2",
    "0.2.0-beta.11",
    "0.2.0-rc.1",
    "0.2.0",
    "0.2.1",
    "0.10.0",
    "1.0.0-dev",
    "1.0.0",
  ];
  for (const [n, version] of versions.entries()) {
    test(`by version: ${version}`, () => {
      for (const [m, other] of versions.entries()) {
        const build = "20260101000000-ab";
        expect([other, isNewer({ version, build }, { version: other, build })]).toEqual([other, n > m]);
      }
    });
  }

  const builds: [string, string, boolean][] = [
    ["20260202000000-ab", "20260101000000-cd", true],
    ["20260101000000-ab", "20260202000000-cd", false],
    ["20260202000000-ab", "20260101000000-ab", false],
    ["20260202000000-ab", "20260202000000-cd", false],
    ["dev", "20260101000000-cd", false],
    ["20260101000000-cd", "dev", false],
    ["85173eb00030", "20260101000000-cd", false],
    ["20260101000000-cd", "", false],
  ];
  for (const [a, b, newer] of builds) {
    test(`of one version by the time of the build: ${a} against ${b}: ${newer}`, () => {
      expect(isNewer({ version: "1.0.0", build: a }, { version: "1.0.0", build: b })).toBe(newer);
    });
  }

  test("what is no version is never newer, nor is anything newer than it", () => {
    for (const odd of ["", "1", "1.2", "a.b.c", "1.2.3.4", "1.2.3-", "99999999999999999999.0.0"]) {
      expect(isNewer({ version: odd, build: "dev" }, { version: "1.0.0", build: "dev" })).toBe(false);
      expect(isNewer({ version: "1.0.0", build: "dev" }, { version: odd, build: "dev" })).toBe(false);
    }
  });

  test("in a strict order, so that two can never replace each other in turns", () => {
    const built = fc.record<Built>({
      version: fc.oneof(
        fc.constantFrom(...versions, "", "x"),
        fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((parts) => parts.join(".")),
      ),
      build: fc.constantFrom("dev", "20260101000000-ab", "20260202000000-ab", "20260202000000-cd", "old"),
    });
    fc.assert(
      fc.property(built, built, built, (a, b, c) => {
        expect(isNewer(a, a)).toBe(false);
        expect(isNewer(a, b) && isNewer(b, a)).toBe(false);
        // No ring of three either.
        expect(isNewer(a, b) && isNewer(b, c) && isNewer(c, a)).toBe(false);
      }),
    );
  });
});
