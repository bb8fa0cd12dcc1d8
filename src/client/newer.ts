// Which of two builds of Loopr is the newer one. A strict order: of two, at most one is newer than the other,
// so that two installed versions can never replace each other's daemon in turns.

export interface Built {
  version: string;
  /** `<time of the newest source>-<hash of the sources>`, or `dev` where nothing was built. */
  build: string;
}

/** By version, then by the time of the build. What cannot be compared is not newer. */
export function isNewer(a: Built, b: Built): boolean {
  const byVersion = compareVersions(a.version, b.version);
  if (byVersion === null) return false;
  if (byVersion !== 0) return byVersion > 0;
  const [builtA, builtB] = [buildOf(a.build), buildOf(b.build)];
  if (builtA === null || builtB === null || builtA.hash === builtB.hash) return false;
  return builtA.time > builtB.time;
}

function buildOf(text: string): { time: string; hash: string } | null {
  const [, time, hash] = /^(\d{14})-([0-9a-f]+)$/.exec(text) ?? [];
  return time === undefined || hash === undefined ? null : { time, hash };
}

/** Negative, 0 or positive, by semver.org's precedence; null where one of them is no version. */
function compareVersions(a: string, b: string): number | null {
  const [left, right] = [parse(a), parse(b)];
  if (left === null || right === null) return null;
  for (const [n, part] of left.release.entries()) {
    const difference = part - (right.release[n] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}

interface Version {
  release: number[];
  prerelease: string[];
}

function parse(text: string): Version | null {
  const match = /^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  if (!match) return null;
  const [, major, minor, patch, prerelease] = match;
  return {
    release: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease === undefined ? [] : prerelease.split("."),
  };
}

function comparePrereleases(a: string[], b: string[]): number {
  // A release comes after everything that was called a prerelease of it.
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let n = 0; n < Math.min(a.length, b.length); n++) {
    const difference = compareIdentifiers(a[n] ?? "", b[n] ?? "");
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Numbers by value and before words, words by their characters. */
function compareIdentifiers(a: string, b: string): number {
  const [numberA, numberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (numberA && numberB) return Number(a) - Number(b);
  if (numberA !== numberB) return numberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
