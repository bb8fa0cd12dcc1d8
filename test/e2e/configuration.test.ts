// Keys of the configuration, each by what it does to a run of the built program.
import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { hang, text, tool, turn, type Handler } from "../support/model-server.ts";
import { goodGreet, json, sampleFiles, withRuns, type RunBed } from "../support/runs.ts";

const solving: Handler = (request) =>
  request.turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];
const run = ["run", "--depth", "code", "--json", "Greet the world"];

/** Writes the person's own configuration. */
function configure({ home }: RunBed, yml: string): void {
  const directory = join(home.userHome, ".config", "loopr");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "loopr.yml"), yml);
}

/** A run with that configuration: exit code and outcome. */
async function outcomeOf(
  bed: RunBed,
  yml: string,
  args: string[] = ["--yes"],
  env: Record<string, string> = {},
) {
  configure(bed, yml);
  const result = await bed.loopr([...run, ...args], { env });
  return { code: result.code, ...json(result) } as { code: number | null } & Record<string, unknown>;
}

const withCheck = (command: string, more = "") =>
  `validation: { command: ${JSON.stringify(command)} }\n${more}`;
const usual = withCheck("sh test.sh");

describe("git", () => {
  test("auto_merge merges without --yes; without it the verified run waits", () =>
    withRuns(solving, async (bed) => {
      expect(await outcomeOf(bed, usual, [])).toMatchObject({ code: 6, run_state: "verified" });
      const merged = await outcomeOf(bed, `${usual}git: { auto_merge: true }\n`, []);
      expect(merged).toMatchObject({ code: 0, run_state: "merged" });
    }));

  test("author and target", () =>
    withRuns(solving, async (bed) => {
      bed.repo.git("branch", "next");
      const yml = `${usual}git: { author: "Robo <robo@example.com>", target: next }\n`;
      expect(await outcomeOf(bed, yml)).toMatchObject({ code: 0, target: "next" });
      expect(bed.repo.git("log", "-1", "--format=%an <%ae>", "next")).toBe("Robo <robo@example.com>");
      expect(bed.repo.git("rev-list", "--count", "main")).toBe("1");
    }));
});

describe("limits", () => {
  /** Works on and on, at a price. */
  const expensive: Handler = (_request, n) =>
    turn([tool("write_file", { path: "n.txt", content: String(n) })], {
      usage: { input_tokens: 100_000, output_tokens: 20_000 },
    });
  for (const limit of ["usd: 0.01", "tokens: 1000", "run_usd: 0.01", "minutes: 0.001"]) {
    test(`${limit} used up: the run pauses, exit 6`, () =>
      withRuns(expensive, async (bed) => {
        const outcome = await outcomeOf(bed, `${usual}limits: { ${limit} }\n`);
        expect(outcome).toMatchObject({ code: 6, run_state: "paused" });
        expect(bed.server.requests.length).toBeLessThan(5);
      }));
  }

  test("turns used up end the iteration, iterations used up end the loop", () =>
    withRuns(expensive, async (bed) => {
      const yml = `${usual}limits: { turns: 2, iterations: { code: 2 } }\n`;
      expect(await outcomeOf(bed, yml)).toMatchObject({ code: 1, run_state: "failed", iterations: 2 });
      expect(bed.server.requests).toHaveLength(4);
    }));
});

describe("what the work may not bend", () => {
  /** Makes the test agree with the program instead of the other way round. */
  const bending: Handler = (request) =>
    request.turn === 0
      ? [
          tool("write_file", { path: "greet.sh", content: "echo changed\n" }),
          tool("write_file", { path: "tests/greet.txt", content: "changed\n" }),
        ]
      : [text("Done.")];
  const files = {
    "greet.sh": "echo hello\n",
    // It reads what is expected; a script that it ran would be a part of the check, whatever is configured.
    "check.sh": '[ "$(sh greet.sh)" = "$(cat tests/greet.txt)" ]\n',
    "tests/greet.txt": "hello\n",
  };
  const check = withCheck("sh check.sh", "limits: { iterations: { code: 1 } }\n");

  test("refused by default, accepted and told with protected.on_change: allow", () =>
    withRuns(
      bending,
      async (bed) => {
        expect(await outcomeOf(bed, check)).toMatchObject({ code: 1, run_state: "failed" });
        const allowed = await outcomeOf(bed, `${check}protected: { on_change: allow }\n`);
        expect(allowed).toMatchObject({ code: 0, protected_changed: ["tests/greet.txt"] });
      },
      { files },
    ));

  test("validation.protected stands in place of the usual patterns", () =>
    withRuns(
      bending,
      async (bed) => {
        const other = check.replace("validation: {", 'validation: { protected: ["other/**"],');
        expect(await outcomeOf(bed, other)).toMatchObject({ code: 0, run_state: "merged" });
      },
      { files },
    ));
});

describe("what tools and checks see", () => {
  test("sandbox.read_deny hides, sandbox.write_allow opens", () =>
    withRuns(solving, async (bed) => {
      const [hidden, open] = [join(bed.home.root, "hidden"), join(bed.home.root, "open")];
      for (const path of [hidden, open]) mkdirSync(path);
      writeFileSync(join(hidden, "file"), "secret\n");
      const check = withCheck(`! cat ${hidden}/file && echo x >${open}/written`);
      expect(await outcomeOf(bed, `${check}limits: { iterations: { code: 1 } }\n`)).toMatchObject({
        code: 1,
      });
      const sandbox = `sandbox: { read_deny: ["${hidden}"], write_allow: ["${open}"] }\n`;
      expect(await outcomeOf(bed, check + sandbox)).toMatchObject({ code: 0 });
    }));

  test.each([
    ["auto", "refused made"],
    ["allow", "made made"],
    ["deny", "refused refused"],
  ])("sandbox.unix_sockets: %s; the model's command and the check: %s", (setting, expected) => {
    const make = `'${basename(process.execPath)}' socket.cjs`;
    const modelTries: Handler = (request) =>
      request.turn === 0 ? [tool("run_command", { command: `${make} >model.txt` })] : [text("Done.")];
    const files = {
      ...sampleFiles,
      "socket.cjs": `const say = (text) => { console.log(text); process.exit(); };
        require("node:net").createServer().on("error", () => say("refused")).listen("/tmp/own.sock", () => say("made"));`,
    };
    return withRuns(
      modelTries,
      async (bed) => {
        const check = withCheck(`[ "$(cat model.txt) $(${make})" = "${expected}" ]`);
        const yml = `${check}sandbox: { unix_sockets: ${setting} }\nlimits: { iterations: { code: 1 } }\n`;
        const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` };
        expect(await outcomeOf(bed, yml, ["--yes"], env)).toMatchObject({ code: 0, run_state: "merged" });
      },
      { files },
    );
  });

  test("env.set and env.pass", () =>
    withRuns(solving, async (bed) => {
      const yml = `${withCheck('[ "$SET$PASSED$OTHER" = ab ]')}env: { set: { SET: a }, pass: [PASSED] }\n`;
      const env = { PASSED: "b", OTHER: "c" };
      expect(await outcomeOf(bed, yml, ["--yes"], env)).toMatchObject({ code: 0 });
    }));
});

test("sandbox.net: the check has a network, or none", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  try {
    await withRuns(solving, async (bed) => {
      const check = withCheck(
        `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}'`,
        "limits: { iterations: { code: 1 } }\n",
      );
      expect(await outcomeOf(bed, check)).toMatchObject({ code: 1 });
      expect(await outcomeOf(bed, `${check}sandbox: { net: true }\n`)).toMatchObject({ code: 0 });
    });
  } finally {
    server.close();
  }
});

describe("llm", () => {
  test("api_key_env names the variable that holds the key; model and max_tokens are asked for", () =>
    withRuns(solving, async (bed) => {
      const llm =
        "model: claude-opus-4-5, max_tokens: 1234, providers: { anthropic: { api_key_env: WORK_KEY } }";
      const outcome = await outcomeOf(bed, `${usual}llm: { ${llm} }\n`, ["--yes"], {
        WORK_KEY: "sk-ant-work",
      });
      expect(outcome).toMatchObject({ code: 0 });
      expect(new Set(bed.server.requests.map(({ key }) => key))).toEqual(new Set(["sk-ant-work"]));
      const { body } = bed.server.requests[0] ?? {};
      expect(body).toMatchObject({ model: "claude-opus-4-5", max_tokens: 1234 });
    }));

  test("timeout_s: a turn that takes longer is given up", () =>
    withRuns(
      () => hang(),
      async (bed) => {
        const outcome = await outcomeOf(bed, `${usual}llm: { timeout_s: 0.1 }\n`);
        expect(outcome).toMatchObject({ code: 6, run_state: "paused" });
      },
    ));
});
