// init, trust, doctor, and what a wrong configuration does to a command, over the built program.
import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withHome, type Home } from "../support/harness.ts";

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown as string;
const containing = (text: string) => expect.stringContaining(text) as unknown as string;

interface Told {
  code: string;
  message: string;
  hint: string;
}

const errorOf = (stdout: string) => (JSON.parse(stdout) as { error: Told }).error;
const doctor = async (home: Home, options: Parameters<Home["loopr"]>[1] = {}) => {
  const { code, stdout } = await home.loopr(["doctor", "--json"], options);
  const { ok, checks } = JSON.parse(stdout) as {
    ok: boolean;
    checks: { name: string; status: string; detail: string; remedy: string }[];
  };
  const one = (name: string) => checks.find((check) => check.name === name);
  return { code, stdout, ok, one };
};
function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
const userFile = (home: Home) => join(home.userHome, ".config", "loopr", "loopr.yml");

describe("init", () => {
  test("writes the check it found at the root, trusts it, and never overwrites by itself", () =>
    withHome(async (home) => {
      const repository = home.repository({ files: { "test.sh": "exit 0\n", "sub/x": "" } });
      const out = await home.ok(["init"], { cwd: join(repository.dir, "sub") });
      expect(out).toContain(`Wrote ${join(repository.dir, ".loopr.yml")}`);
      expect(repository.read(".loopr.yml")).toContain('command: "sh test.sh"');
      expect(await home.ok(["trust"], { cwd: repository.dir })).toContain("trusted already");

      repository.write(".loopr.yml", "levels: code\n");
      const again = await home.loopr(["init"], { cwd: repository.dir });
      expect([again.code, again.stderr]).toEqual([2, containing("--force")]);
      expect(repository.read(".loopr.yml")).toBe("levels: code\n");
      await home.ok(["init", "--force"], { cwd: repository.dir });
      expect(repository.read(".loopr.yml")).toContain("sh test.sh");
    }));

  test("replaces a link with --force, and leaves what it points to alone", () =>
    withHome(async (home) => {
      const repository = home.repository();
      writeFileSync(join(home.root, "precious"), "precious\n");
      symlinkSync(join(home.root, "precious"), join(repository.dir, ".loopr.yml"));
      await home.ok(["init", "--force"], { cwd: repository.dir });
      expect(readFileSync(join(home.root, "precious"), "utf8")).toBe("precious\n");
    }));

  test("a link that leads nowhere is a file that exists", () =>
    withHome(async (home) => {
      const repository = home.repository();
      const link = join(repository.dir, ".loopr.yml");
      symlinkSync(join(home.root, "nowhere"), link);
      const refused = await home.loopr(["init"], { cwd: repository.dir });
      expect([refused.code, refused.stderr]).toEqual([2, containing("--force")]);
      expect(readlinkSync(link)).toBe(join(home.root, "nowhere"));
    }));

  test("without a test command it says so; outside of a repository it refuses", () =>
    withHome(async (home) => {
      const repository = home.repository();
      const found = await home.loopr(["init"], { cwd: repository.dir });
      expect([found.code, found.stderr]).toEqual([0, containing("no test command was found")]);
      const outside = await home.loopr(["init", "--json"]);
      expect([outside.code, errorOf(outside.stdout).code]).toEqual([2, "not_a_repository"]);
      expect(home.daemonPid()).toBeNull(); // none of these needs the daemon
    }));
});

describe("init where package.json cannot be used", () => {
  const broken: [content: string, problem: RegExp][] = [
    ['{ "scripts": { "test": "x" ', /package\.json is not valid JSON: /],
    ["", /package\.json is not valid JSON: /],
    ["[]", /package\.json is not as npm wants it: /],
    ['{ "scripts": "test" }', /package\.json is not as npm wants it: scripts: /],
  ];
  test("names the file and what is wrong with it, and goes on with what else there is", () =>
    withHome(async (home) => {
      for (const [at, [content, problem]] of broken.entries()) {
        const repository = home.repository({ name: `broken${at}`, files: { "package.json": content } });
        const alone = await home.loopr(["init"], { cwd: repository.dir });
        expect([content, alone.code, alone.stderr]).toEqual([content, 0, matching(problem)]);
        expect(alone.stderr).toContain("no test command was found");
        repository.write("Makefile", "test:\n\ttrue\n");
        const both = await home.loopr(["init", "--force", "--json"], { cwd: repository.dir });
        expect([content, both.code]).toEqual([content, 0]);
        expect(JSON.parse(both.stdout)).toMatchObject({ check: "make test", problems: [matching(problem)] });
      }
      const repository = home.repository({ name: "odd", files: { "x.txt": "" } });
      mkdirSync(join(repository.dir, "package.json"));
      const odd = await home.loopr(["init"], { cwd: repository.dir });
      expect([odd.code, odd.stderr]).toEqual([
        0,
        containing("package.json cannot be read: it is not a regular"),
      ]);
    }));
});

describe("init in projects of the usual kinds", () => {
  const npm = '{ "scripts": { "test": "x" }, "devDependencies": { "a": "1" } }';
  const kinds: [kind: string, files: Record<string, string>, check: string, setup: string | null][] = [
    ["npm", { "package.json": npm, "package-lock.json": "{}" }, "npm test", "npm ci"],
    ["pnpm", { "package.json": npm, "pnpm-lock.yaml": "" }, "pnpm test", "pnpm install --frozen-lockfile"],
    ["yarn", { "package.json": npm, "yarn.lock": "" }, "yarn test", "yarn install --frozen-lockfile"],
    ["bun", { "package.json": npm, "bun.lock": "" }, "bun run test", "bun install --frozen-lockfile"],
    ["pytest", { "pytest.ini": "[pytest]\n" }, "python3 -m pytest -q", null],
    ["uv", { "pyproject.toml": "[tool.pytest]\n", "uv.lock": "" }, "uv run pytest -q", "uv sync --frozen"],
    ["cargo", { "Cargo.toml": "[package]\n" }, "cargo test", null],
    ["go", { "go.mod": "module x\n" }, "go test ./...", null],
    ["make", { Makefile: "all:\n\ntest: all\n\ttrue\n" }, "make test", null],
    ["gradle", { "build.gradle.kts": "", gradlew: "#!/bin/sh\n" }, "./gradlew test", null],
    ["maven", { "pom.xml": "<project/>" }, "mvn -B -q test", null],
  ];
  test("the check and the set-up are found; the file holds them and nothing wrong", () =>
    withHome(async (home) => {
      for (const [kind, files, check, setup] of kinds) {
        const repository = home.repository({ name: kind, files });
        const { dir } = repository;
        const told = JSON.parse(await home.ok(["init", "--json"], { cwd: dir })) as Record<string, unknown>;
        expect([kind, told]).toMatchObject([kind, { check, setup, trusted: true }]);
        expect(repository.read(".loopr.yml")).toContain("# "); // commented
        const shown = JSON.parse(await home.ok(["config", "show", "--json"], { cwd: dir })) as {
          keys: Record<string, { value: unknown }>;
        };
        const { value } = shown.keys["validation.command"] ?? {};
        expect([kind, value, shown.keys["worktree.setup"]?.value]).toEqual([kind, check, setup]);
      }
    }));
});

describe("trust", () => {
  test("a run is refused until the file is trusted as it is now; what it runs is shown, made harmless", () =>
    withHome(async (home) => {
      const file = 'validation:\n  command: "sh test.sh # \\e[31mred"\n';
      const repository = home.repository({ files: { "test.sh": "exit 0\n", ".loopr.yml": file } });
      const run = () =>
        home.loopr(["run", "--depth", "code", "--yes", "--json", "x"], { cwd: repository.dir });
      const refused = await run();
      expect([refused.code, errorOf(refused.stdout).code]).toEqual([2, "not_trusted"]);
      expect(errorOf(refused.stdout).hint).toContain("loopr trust");

      const shown = await home.ok(["trust"], { cwd: repository.dir });
      expect(shown).toContain("sh test.sh # red");
      expect(shown).not.toContain("\x1b");
      const next = await run(); // no key: the next thing that is missing
      expect([next.code, errorOf(next.stdout).code]).toEqual([2, "no_model"]);

      repository.write(".loopr.yml", file.replace("exit", "exit") + "worktree: { setup: ./other }\n");
      expect(errorOf((await run()).stdout)).toMatchObject({
        code: "not_trusted",
        message: containing("has changed"),
      });
    }));

  test("there is nothing to trust", () =>
    withHome(async (home) => {
      const repository = home.repository();
      const none = await home.loopr(["trust"], { cwd: repository.dir });
      expect([none.code, none.stderr]).toEqual([2, containing("loopr init")]);
      repository.write(".loopr.yml", "levels: code\n");
      expect(await home.ok(["trust"], { cwd: repository.dir })).toContain("needs no trust");
    }));
});

describe("trust where there are types of loops and no .loopr.yml", () => {
  test("says what they run and accepts that; until it is, no run begins", () =>
    withHome(async (home) => {
      const files = {
        "test.sh": "exit 0\n",
        ".loopr/loops/strict.yml": "extends: code\nvalidation:\n  command: make lint\n",
      };
      const repository = home.repository({ files });
      const at = { cwd: repository.dir };
      const run = async () =>
        errorOf(
          (await home.loopr(["run", "--depth", "strict", "--check", "sh test.sh", "--json", "x"], at)).stdout,
        );
      expect(await run()).toMatchObject({ code: "not_trusted", message: containing("strict.yml") });
      const said = await home.ok(["trust"], at);
      expect(said).toContain(`${join(repository.dir, ".loopr", "loops")} makes Loopr run`);
      expect(said).toMatch(/strict\.yml: validation\.command \(line 3\)\n {4}make lint\n/);
      expect(said).toContain("It is trusted now, until it changes.");
      expect(await run()).toMatchObject({ code: "no_model" }); // the next thing that is missing
      expect(JSON.parse(await home.ok(["trust", "--json"], at))).toEqual({
        path: join(repository.dir, ".loopr", "loops"),
        before: "trusted",
        trusted: true,
        commands: [{ key: "strict.yml: validation.command", line: 3, value: "make lint" }],
      });

      // With a .loopr.yml beside them, each is said by its name.
      repository.write(".loopr.yml", "validation: { command: make }\n");
      const both = await home.ok(["trust"], at);
      expect(both).toContain(`${join(repository.dir, ".loopr.yml")} is trusted now, until it changes.`);
      expect(both).toContain(`${join(repository.dir, ".loopr", "loops")} is trusted already.`);
    }));

  test("types that make nothing run need none; a file that is wrong is named with its line", () =>
    withHome(async (home) => {
      const repository = home.repository({ files: { ".loopr/loops/quick.yml": "extends: code\n" } });
      const at = { cwd: repository.dir };
      expect(await home.ok(["trust"], at)).toBe(
        `${join(repository.dir, ".loopr", "loops")} makes nothing run: it needs no trust.\n`,
      );
      repository.write(".loopr/loops/quick.yml", "extends: code\nvalidation: make\n");
      const wrong = await home.loopr(["trust"], at);
      expect([wrong.code, wrong.stderr]).toEqual([2, containing("quick.yml:2: validation")]);
    }));
});

describe("a wrong configuration", () => {
  const run = (home: Home, dir: string, ...args: string[]) =>
    home.loopr(["run", "--depth", "code", "--check", "true", "--yes", ...args, "x"], { cwd: dir });

  test("names file, line and key, and what was meant", () =>
    withHome(async (home) => {
      const repository = home.repository();
      put(userFile(home), "limits:\n  turn: 5\n");
      const told = await run(home, repository.dir);
      expect(told.code).toBe(2);
      expect(told.stderr).toBe(
        `error: ${userFile(home)}:2: unknown key limits.turn\n  hint: did you mean limits.turns? (loopr help configuration lists the keys)\n`,
      );
    }));

  test("an explicit file that is missing; a project that sets what is the person's", () =>
    withHome(async (home) => {
      const repository = home.repository();
      const missing = await run(home, repository.dir, "-c", "nope.yml");
      expect([missing.code, missing.stderr]).toEqual([
        2,
        containing(`${join(repository.dir, "nope.yml")} does not exist`),
      ]);
      repository.write(".loopr.yml", "\nsandbox: { mode: none }\n");
      const refused = await run(home, repository.dir);
      expect([refused.code, refused.stderr]).toEqual([
        2,
        containing(".loopr.yml:2: sandbox.mode may not be set by a project"),
      ]);
    }));

  test("a bound that the project raises is ignored, with a warning", () =>
    withHome(async (home) => {
      const repository = home.repository({ files: { ".loopr.yml": "limits: { turns: 500 }\n" } });
      const script = join(home.root, "script.json");
      const write = { name: "write_file", input: { path: "a", content: "a" } };
      put(script, JSON.stringify({ entries: [{ turns: [{ tools: [write] }, { text: "Done." }] }] }));
      const out = await home.loopr(["run", "--depth", "code", "--check", "true", "--yes", "x"], {
        cwd: repository.dir,
        env: { LOOPR_SCRIPT: script },
      });
      expect(out.code).toBe(0);
      expect(out.stderr + out.stdout).toContain(
        "limits.turns is 500, more than the default 50, and is ignored",
      );
    }));
});

describe("doctor", () => {
  test("a file without a check command: what to set in it, since init would refuse", () =>
    withHome(async (home) => {
      const files = { "test.sh": "exit 0\n", ".loopr.yml": "levels: code\n" };
      const repository = home.repository({ files });
      const path = join(repository.dir, ".loopr.yml");
      const sick = await doctor(home, { cwd: repository.dir });
      expect(sick.one("check")).toMatchObject({
        status: "warn",
        remedy: `set validation.command in ${path} to "sh test.sh", then loopr trust`,
      });
    }));

  test("a healthy place: git, sandbox, home, daemon as it is; the key is never shown", () =>
    withHome(async (home) => {
      const repository = home.repository({ files: { "test.sh": "exit 0\n" } });
      const env = { ANTHROPIC_API_KEY: "sk-ant-very-secret" };
      const before = await doctor(home, { cwd: repository.dir, env });
      expect(before.one("git")).toMatchObject({
        status: "ok",
        detail: matching(/^\d+\.\d+/),
      });
      expect(before.one("daemon")).toMatchObject({
        status: "ok",
        detail: containing("not running"),
      });
      expect(before.one("model")).toMatchObject({ status: "ok" });
      expect(before.one("check")).toMatchObject({ status: "warn", remedy: "loopr init" });
      expect(before.stdout).not.toContain("secret");
      expect(home.daemonPid()).toBeNull();

      await home.ok(["daemon", "start"]);
      await home.ok(["init"], { cwd: repository.dir });
      const after = await doctor(home, { cwd: repository.dir });
      expect(after.one("daemon")?.detail).toContain(`PID ${home.daemonPid()}`);
      expect(after.one("check")).toMatchObject({ status: "ok", detail: "sh test.sh" });
      expect(after.one("model")).toMatchObject({ status: "warn" });
      expect(after.one("home")).toMatchObject({ status: "ok" });
      const lines = (await home.loopr(["doctor"])).stdout.trimEnd().split("\n");
      for (const line of lines) expect(line).toMatch(/^(ok|warn|fail) |^ +→ /);
    }));

  test("what is wrong fails, with a remedy, and exit 1", () =>
    withHome(async (home) => {
      put(userFile(home), "banana: 1\n");
      mkdirSync(home.dir);
      chmodSync(home.dir, 0o777);
      const sick = await doctor(home, { env: { PATH: "/nonexistent" } });
      expect([sick.code, sick.ok]).toEqual([1, false]);
      expect(sick.one("home")?.remedy).toBe(`chmod 700 '${home.dir}'`);
      for (const name of ["git", "sandbox", "configuration", "home"]) {
        const { status, remedy } = sick.one(name) ?? {};
        expect([name, status, remedy !== ""]).toEqual([name, "fail", true]);
      }
    }));
});
