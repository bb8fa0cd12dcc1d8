// Test processes that ended before their tests did, with exit code 0: what runners say of it, and what they do not.
import { plainText } from "./plain-text.ts";

/** A file that a runner of Node calls a test as a whole: it had no test in it that was run. */
const nodeFile = String.raw`[^\n✔✖"]*\.[cm]?[jt]sx?`;
const wholeFiles: readonly RegExp[] = [
  // TAP: with tests in it there would be more between the two lines.
  new RegExp(String.raw`^# Subtest: (${nodeFile})\nok \d+ - \1$`, "gm"),
  // Behind whatever the file wrote without ending the line.
  new RegExp(String.raw`✔ (${nodeFile}) \([\d.]+ms\)$`, "gm"),
  new RegExp(String.raw`<testcase name="(${nodeFile})" [^\n]*/>$`, "gm"),
];
const failedFiles: readonly RegExp[] = [
  new RegExp(String.raw`^not ok \d+ - (${nodeFile})$`, "gm"),
  new RegExp(String.raw`✖ (${nodeFile}) \([\d.]+ms\)$`, "gm"),
  new RegExp(String.raw`<testcase name="(${nodeFile})" [^\n]*[^/\n]>$`, "gm"),
];

/** Paths of files that passed as a whole, as the runner writes them: absolute, or from where it ran. */
export function filesPassedAsWhole(output: string): string[] {
  return pathsIn(output, wholeFiles);
}

/** Paths of files that failed as a whole: they hold no tests, or ended before these. */
export function filesFailedAsWhole(output: string): string[] {
  return pathsIn(output, failedFiles);
}

function pathsIn(output: string, patterns: readonly RegExp[]): string[] {
  const text = plainText(output);
  return [
    ...new Set(patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, path = ""]) => path))),
  ];
}

const testCall = /\b(test|it|describe|suite)\s*(\.\w+\s*)?\(/;
/** What is taken from the runner, in braces before its name or behind it; without braces it is the test function. */
const fromRunner =
  /(?:import\s*(?:type\s*)?([\w$*\s]*,?\s*(?:\{[^}]*\})?[\w$*\s]*)\bfrom\s*|(?:(?:const|let|var)\s+([^=;]*?)\s*(?::[^=;{}]*)?=\s*)?(?:await\s+import|require)\s*\(\s*)["']node:test["']/g;
/** By these alone no test is made. */
const noTest = /^(before|after)(Each)?$|^(mock|run|snapshot|assert)$/;

/** Whether a file holds tests of Node's runner, by its text: whatever it calls the function that it makes them with. */
export function hasNodeTests(content: string): boolean {
  return [...content.matchAll(fromRunner)].some(([, imported, bound]) => {
    const taken = (imported ?? bound ?? "").trim();
    const named = /^\{([^}]*)\}$/.exec(taken)?.[1];
    if (named === undefined) return true;
    const names = named.split(",").map((name) => name.trim().split(/[\s:]/)[0] ?? "");
    return names.some((name) => name !== "" && !noTest.test(name));
  });
}

/** Whether it may hold some: what it calls `test` may come from a module of the project's own. */
export function mayHaveNodeTests(content: string): boolean {
  return testCall.test(content) && /\bimport\b|\brequire\s*\(/.test(content);
}

/** How often Node's runner came to its end, in any of its forms. */
export function nodeRunnersEnded(output: string): number {
  return plainText(output).match(runnerEnd)?.length ?? 0;
}

const runnerEnd = /^(# tests \d+|ℹ tests \d+|\s*<!-- tests \d+ -->)$/gm;

/** A package that passed. With the tests named, or of one package alone, `PASS` stands before it. */
const goPackage = /^(?:ok *|FAIL)\t(\S+)\t(?:[\d.]+s|\(cached\))(.*)$/;

/**
 * Packages that passed without the word that a test process says at its end. Of several packages `go test` shows
 * it only where each test is named (`-v`): there its absence means that the process ended early.
 */
export function goPackagesWithoutEnd(output: string): string[] {
  return goPackages(output).flatMap(({ name, isOk, saysPass }) => (isOk && !saysPass ? [name] : []));
}

/** The command with each test named; what the person has set for go counts still. */
export function withGoTestsNamed(command: string): string {
  return `export GOFLAGS="$(go env GOFLAGS) -v"; ${command}`;
}

/** Whether code in Go may end its process: the reason to have the tests named. */
export function mayExitInGo(content: string): boolean {
  return /\bExit\b|[Ss]yscall|\blinkname\b|^import\s+"C"|\bunix\./m.test(content);
}

function goPackages(output: string): { name: string; isOk: boolean; saysPass: boolean }[] {
  const found = [];
  let saysPass = false;
  for (const line of plainText(output).split("\n")) {
    const [, name, rest = ""] = goPackage.exec(line) ?? [];
    if (line === "PASS") saysPass = true;
    if (name === undefined) continue;
    const isOk = line.startsWith("ok") && !rest.includes("[no tests to run]");
    found.push({ name, isOk, saysPass });
    saysPass = false;
  }
  return found;
}
