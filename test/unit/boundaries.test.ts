// scripts/boundaries.mjs, on a checkout made to break each of its rules.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const script = join(import.meta.dir, "..", "..", "scripts", "boundaries.mjs");
const config = `{"compilerOptions":{"strict":true,"module":"ESNext","moduleResolution":"bundler","target":"ES2024",
  "lib":["ES2024"],"types":[],"noEmit":true,"allowImportingTsExtensions":true}}`;

const good: Record<string, string> = {
  "tsconfig.json": config,
  "package.json": `{"dependencies":{"yaml":"1"},"devDependencies":{"tool":"1","@types/x":"1"},"scripts":{"t":"tool"}}`,
  "node_modules/tool/package.json": `{"bin":{"tool":"x"}}`,
  "src/main.ts": `import { now } from "./lib/clock.ts";
    export const start = async () => { const { run } = await import("./daemon/main.ts"); run(now()); };`,
  "src/lib/clock.ts": `export const now = () => 1;\n/** @public the tests' clock */\nexport const fake = () => 2;\n`,
  "src/domain/config.ts": `export type Config = { limits: { turns: number; types: { a: number } }; env: string[] };\n`,
  "src/config/load.ts": `import { parse } from "yaml";\nexport const load = (): unknown => parse;\n`,
  "src/engine/ports.ts": `export interface Store { close(): void }\n`,
  "src/store/open.ts": `import type { Store } from "../engine/ports.ts";
    import { DatabaseSync } from "node:sqlite";
    export const open = (): Store => ({ close() { void DatabaseSync; } });\n`,
  "src/daemon/main.ts": `import { open } from "../store/open.ts";
    import { load } from "../config/load.ts";
    import type { Config } from "../domain/config.ts";
    const reads = (config: Config, type: "a") => [config.limits.turns, config.limits.types[type], config.env];
    export function run(at: number) { open().close(); load(); void [at, reads]; }\n`,
};

const bad: Record<string, string> = {
  ...good,
  "src/main.ts": `import { run } from "./daemon/main.ts";
    import { all } from "./lib/all.ts";
    export const start = () => { run(1); void all; };`,
  "src/lib/all.ts": `export * from "./clock.ts";
    export const all = 1;
    export const lonely = 2;
    export const inner = 3;
    export const uses = [inner, tested];
    export const tested = 4;
    export const onlyTested = 5;`,
  "src/lib/all.test.ts": `import { onlyTested, tested } from "./all.ts";\nvoid [tested, onlyTested];`,
  "src/domain/config.ts": `import { readFileSync } from "node:fs";
    import { now } from "../lib/clock.ts";
    export type Config = { limits: { turns: number; dead: number }; env: string[] };
    export const file = () => [readFileSync, now, process.cwd()];\n`,
  "src/store/open.ts": `import { Store } from "../engine/ports.ts";
    import parser from "yaml";
    import { x } from "bun:ffi";
    import { y } from "unlisted";
    import "fs";
    export const open = (): Store => ({ close() { void [parser, x, y]; } });\n`,
  "src/tui/orphan.ts": `export const orphan = 1;\n`,
  "src/strange/thing.ts": `export const thing = 1;\n`,
  "test/e2e/x.test.ts": `import { run } from "../../src/daemon/main.ts";\nvoid run;\n`,
  "package.json": `{"dependencies":{"yaml":"1","idle":"1"},"devDependencies":{"tool":"1"}}`,
};

let scratch: string;
const made = new Map<string, { status: number | null; lines: string }>();
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "loopr-boundaries-"));
  for (const [name, files] of Object.entries({ good, bad })) {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(scratch, name, path)), { recursive: true });
      writeFileSync(join(scratch, name, path), text);
    }
    const { status, stderr } = spawnSync("node", [script, join(scratch, name)], { encoding: "utf8" });
    made.set(name, { status, lines: stderr });
  }
}, 60_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("a checkout that keeps the rules passes", () => {
  // The platform's types are absent in the fixture, so that imports of node: are unresolved: no rule of ours.
  expect(made.get("good")).toEqual({ status: 0, lines: "" });
});

describe("each broken rule is named with its place and a remedy", () => {
  const expected = [
    /^src\/main\.ts:1: imports daemon\/main\.ts although its role may not be chosen\n {2}use `await import/m,
    /^src\/lib\/all\.ts:1: re-exports \.\/clock\.ts\n {2}import from where/m,
    /^src\/lib\/all\.ts:3: nothing in src\/ uses lonely\n {2}connect it or remove it/m,
    /^src\/lib\/all\.ts:4: inner is exported, and no other file uses it\n {2}drop `export`/m,
    /^src\/lib\/all\.ts:7: nothing in src\/ uses onlyTested but tests or scripts\n {2}connect it or remove it, or/m,
    /^src\/domain\/config\.ts:1: domain\/ imports node:fs\n {2}/m,
    /^src\/domain\/config\.ts:2: domain\/ may not import lib\/clock\.ts\n {2}domain\/ may import no other folder/m,
    /^src\/domain\/config\.ts:4: without the platform's types: .*process/m,
    /^src\/domain\/config\.ts:1: nothing reads the configuration key limits\.dead\n {2}give it its effect/m,
    /^src\/store\/open\.ts:1: store\/ may not import engine\/ports\.ts\n {2}import only its types/m,
    /^src\/store\/open\.ts:2: imports the package yaml\n {2}only src\/config\b.* may/m,
    /^src\/store\/open\.ts:3: imports bun:ffi\n/m,
    /^src\/store\/open\.ts:4: imports the package unlisted\n {2}say in scripts\/boundaries\/table\.mjs/m,
    /^src\/store\/open\.ts:5: imports fs\n {2}write node:fs/m,
    /^src\/tui\/orphan\.ts:1: nothing leads here from src\/main\.ts\n/m,
    /^src\/strange\/thing\.ts:1: src\/strange is not in the import table\n/m,
    /^test\/e2e\/x\.test\.ts:1: imports \.\.\/\.\.\/src\/daemon\/main\.ts\n/m,
    /^package\.json:1: the dependency idle is imported nowhere/m,
    /^package\.json:1: the devDependency tool is used nowhere/m,
    /^package\.json:1: unlisted is imported and not a dependency/m,
  ];
  for (const pattern of expected) {
    test(String(pattern), () => {
      expect(made.get("bad")?.status).toBe(1);
      expect(made.get("bad")?.lines).toMatch(pattern);
    });
  }

  test("and nothing that keeps the rules", () => {
    const { lines = "" } = made.get("bad") ?? {};
    expect(lines).not.toMatch(
      /fake|start|nothing in src\/ uses (all|open|run|load|Config)\b|limits\.turns|key env/,
    );
  });
});
