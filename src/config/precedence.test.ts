// Every key of the schema at every level that may set it: which one counts, and where it is said to come from.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod/mini";
import { daemonSections, defaultConfig } from "../domain/config.ts";
import { configKeys, type ConfigKey } from "./keys.ts";
import { getValue, loadConfig, type LoadOptions } from "./load.ts";
import { readProjectFile } from "./project-file.ts";
import { trust } from "./trust.ts";

let scratch: string;
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), "loopr-precedence-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Values of keys whose form the type does not tell. Three: user, project, explicit. */
const special: Readonly<Record<string, readonly [unknown, unknown, unknown]>> = {
  "validation.cwd": ["a", "b", "c"],
  "git.author": ["A <a@x>", "B <b@x>", "C <c@x>"],
  levels: ["code", "plan,code", "plan,phase,code"],
  "llm.providers.anthropic.base_url": ["https://a", "https://b", "https://c"],
  "sandbox.read_deny": [["/a"], ["/b"], ["/c"]],
  "sandbox.write_allow": [["/a"], ["/b"], ["/c"]],
  "env.set": [{ A: "a" }, { B: "b" }, { C: "c" }],
  "llm.script": ["/a", "/b", "/c"],
  "llm.providers.anthropic.api_key_file": ["/a", "/b", "/c"],
};

function samples(key: ConfigKey): readonly [unknown, unknown, unknown] {
  const known = special[key.name];
  if (known) return known;
  const schema = z.toJSONSchema(key.schema);
  const options = schema.anyOf?.find(({ type }) => type !== "null") ?? schema;
  if (options.enum) {
    const values = options.enum.map(String);
    return [values[0], values.at(-1), values[0]];
  }
  switch (options.type) {
    case "boolean":
      return [true, false, true];
    case "integer":
    case "number":
      return [3, 2, 1]; // ever lower, so that a project's bounds count
    case "array": {
      const { items } = options;
      const names = typeof items === "object" && !Array.isArray(items) && items.enum;
      return names ? [[names[0]], [names[1]], [names[2] ?? names[0]]] : [["a"], ["b"], ["c"]];
    }
    case "object":
      return [{ a: "a" }, { b: "b" }, { c: "c" }];
    default:
      return ["a", "b", "c"];
  }
}

/** A file that sets one key. JSON is YAML. */
function put(path: string, name: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const nested = name.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);
  writeFileSync(path, JSON.stringify(nested));
}

function place(name: string) {
  const root = join(scratch, name);
  const at: LoadOptions & { projectRoot: string } = {
    env: { HOME: join(root, "home") },
    projectRoot: join(root, "project"),
    projectHash: "0123456789abcdef",
    dataDir: join(root, "home", ".loopr"),
    explicit: null,
  };
  mkdirSync(at.projectRoot, { recursive: true });
  const user = join(root, "home", ".config", "loopr", "loopr.yml");
  return { at, user, project: join(at.projectRoot, ".loopr.yml"), explicit: join(root, "explicit.yml") };
}

describe("default < user < project < explicit", () => {
  for (const key of configKeys.values()) {
    const { name } = key;
    test(name, () => {
      const [own, theirs, named] = samples(key);
      const { at, user, project, explicit } = place(name);
      const seen = (options: Partial<LoadOptions> = {}) => {
        const { config, origins } = loadConfig({ ...at, ...options });
        const origin = origins.get(name);
        return [getValue(config, name), origin?.level ?? "default", origin?.file ?? null];
      };
      expect(seen()).toEqual([getValue(defaultConfig, name), "default", null]);
      put(user, name, own);
      expect(seen()).toEqual([own, "user", user]);
      put(project, name, theirs);
      if (key.project === null) {
        const refused = `${project}:1: ${name} may not be set by a project`;
        expect(() => seen()).toThrow(refused);
        rmSync(project);
      } else {
        if (key.project === "trusted") {
          expect(() => seen()).toThrow(/is not trusted/);
          expect(seen({ untrusted: "leave_out" })).toEqual([own, "user", user]);
          trust(at, readProjectFile(at.projectRoot)?.text ?? "");
        }
        expect(seen()).toEqual([theirs, "project", project]);
      }
      put(explicit, name, named);
      if (!daemonSections.has(name.split(".")[0] ?? "")) {
        expect(seen({ explicit })).toEqual([named, "explicit", explicit]);
        return;
      }
      // The daemon reads these itself, whoever asks it for something.
      expect(seen({ explicit })).toEqual([own, "user", user]);
      const { leftOut, warnings } = loadConfig({ ...at, explicit });
      // What nothing uses yet is left out of the user's own file, too.
      const ofExplicit = leftOut.filter(({ file }) => file === explicit);
      expect(ofExplicit).toMatchObject([{ name, value: named, file: explicit, line: 1 }]);
      expect(warnings.join()).toContain(`${explicit}:1: ${name} does not count here: the daemon`);
    });
  }
});

describe("explicit < environment < option", () => {
  const { LOOPR_SCRIPT, LOOPR_LOG, ANTHROPIC_BASE_URL } = {
    LOOPR_SCRIPT: "/v.json",
    LOOPR_LOG: "DEBUG",
    ANTHROPIC_BASE_URL: "https://v",
  };
  test.each([
    ["llm.provider", "LOOPR_SCRIPT", "anthropic", { LOOPR_SCRIPT }, "scripted"],
    ["llm.script", "LOOPR_SCRIPT", "/a", { LOOPR_SCRIPT }, "/v.json"],
    ["log.level", "LOOPR_LOG", "error", { LOOPR_LOG }, "debug"],
    [
      "llm.providers.anthropic.base_url",
      "ANTHROPIC_BASE_URL",
      "https://a",
      { ANTHROPIC_BASE_URL },
      "https://v",
    ],
  ])("%s by %s", (name, variable, inFile, variables, expected) => {
    const { at, explicit } = place(`${name}-variable`);
    put(explicit, name, inFile);
    const { config, origins } = loadConfig({ ...at, explicit, variables });
    expect(getValue(config, name)).toBe(expected);
    expect(origins.get(name)).toEqual({ level: "environment", file: null, line: null, variable });
    const option = loadConfig({ ...at, explicit, variables, options: { script: "/o.json" } });
    if (name === "llm.script") expect(option.config.llm.script).toBe("/o.json");
    const inFileOnly = loadConfig({ ...at, explicit }).origins.get(name)?.level;
    expect(inFileOnly).toBe(name === "log.level" ? undefined : "explicit");
  });

  test.each([
    ["validation.command", { check: "true" }, "true"],
    ["limits.iterations.code", { max_iterations: 7 }, 7],
    ["limits.run_usd", { budget_usd: 0.5 }, 0.5],
    ["levels", { levels: "plan,code" }, "plan,code"],
    ["git.target", { target: "next" }, "next"],
    ["git.auto_merge", { merge: true }, true],
    ["sandbox.mode", { sandbox: "none" as const }, "none"],
  ])("%s by a flag", (name, options, expected) => {
    const { at, explicit } = place(`${name}-option`);
    const key = configKeys.get(name);
    if (!key) throw new Error(name);
    put(explicit, name, samples(key)[1]);
    const { config, origins } = loadConfig({ ...at, explicit, options });
    expect(getValue(config, name)).toBe(expected);
    expect(origins.get(name)?.level).toBe("option");
  });

  test("a variable with a value that its key cannot have is named", () => {
    const { at } = place("bad-variable");
    expect(() => loadConfig({ ...at, variables: { LOOPR_LOG: "loud" } })).toThrow(
      /LOOPR_LOG: log\.level must be/,
    );
  });
});
