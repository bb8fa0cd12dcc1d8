// The script file, and which of its turns are played.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Model, TurnRequest } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import { turnRequest } from "../../test/support/turn-request.ts";
import { loadScript } from "./script-file.ts";
import { scriptedModel } from "./scripted.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "loopr-script-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (content: string, name = "script.yml") => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const load = (content: string, name?: string) => scriptedModel(loadScript(write(content, name)));
const ask = (model: Model, loop: Partial<TurnRequest["loop"]> = {}, turnsTaken = 0) => {
  const request = turnRequest();
  for (let n = 0; n < turnsTaken; n++) {
    request.messages.push({ role: "assistant", content: [{ type: "text", text: "x" }] });
    request.messages.push({ role: "user", content: [{ type: "text", text: "x" }] });
  }
  const whole = { ...request, loop: { ...request.loop, ...loop } };
  return model.turn(whole, new AbortController().signal, () => {});
};
const said = async (answer: ReturnType<typeof ask>) => {
  const [block] = (await answer).content;
  return block?.type === "text" ? block.text : block;
};
const failureOf = (work: () => unknown): LooprError => {
  try {
    work();
  } catch (error) {
    if (error instanceof LooprError) return error;
    throw error;
  }
  throw new Error("it did not fail");
};

test("the first entry that fits loop type, title and iteration is played", async () => {
  const model = load(`
entries:
  - { loop: plan, turns: [{ text: plan }] }
  - { loop: code, title: "Add *", iteration: 1, turns: [{ text: first }] }
  - { loop: code, title: "Add *", iteration: "2+", turns: [{ text: later }] }
  - { loop: code, title: "Fix ?.[x](y)", turns: [{ text: exactly }] }
  - { title: "*", turns: [{ text: any }] }
`);
  expect(await said(ask(model, { type: "plan", title: "whatever", iteration: 4 }))).toBe("plan");
  expect(await said(ask(model, { title: "Add a/b\nc", iteration: 1 }))).toBe("first");
  expect(await said(ask(model, { title: "Add it", iteration: 2 }))).toBe("later");
  expect(await said(ask(model, { title: "Add it", iteration: 30 }))).toBe("later");
  expect(await said(ask(model, { title: "Fix a.[x](y)" }))).toBe("exactly");
  expect(await said(ask(model, { title: "Fix ab[x](y)" }))).toBe("any");
  expect(await said(ask(model, { type: "spec", title: "Add it" }))).toBe("any");
});

test("turns are played in order, by what was said before; after the last one the model is done", async () => {
  const model = load(
    `entries: [{ turns: [{ tools: [{ name: glob }] }, { text: two, usage: { output: 3 }, cost_usd: 0.5 }] }]`,
  );
  expect(await ask(model, {}, 0)).toMatchObject({ stop: "tool_use", content: [{ name: "glob", input: {} }] });
  const second = await ask(model, {}, 1);
  expect(second).toMatchObject({ stop: "end", cost_usd: 0.5, usage: { input: 0, output: 3 } });
  expect(await said(ask(model, {}, 2))).toBe("Done.");
  expect(await said(ask(model, {}, 2))).toBe("Done.");
  expect(await ask(model, {}, 1)).toEqual(second);
});

test("nothing fits: refused, naming loop, iteration and file", async () => {
  const model = load(`entries: [{ loop: plan, turns: [{ text: x }] }]`);
  const failure: unknown = await ask(model, { iteration: 3 }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "model_rejected" });
  expect(String(failure)).toMatch(
    /script\.yml has no entry for iteration 3 of the code loop "Add a greeting" \(1-aa\)/,
  );
});

test.each([
  ["script.yml", "entries: [", /script\.yml is not right/],
  ["script.json", "{", /script\.json is not right/],
  ["script.yml", "", /needs a list `entries`/],
  ["script.yml", "entries: []", /needs a list `entries`/],
  ["script.yml", "entries: [{ turns: [{}] }]\nmore: 1", /nothing beside it.*more/],
  ["script.yml", "entries: [{ turns: [{}] }, { turns: [] }]", /entry 2: turns/],
  ["script.yml", "entries: [{ lop: code, turns: [{}] }]", /entry 1: .*lop/],
  ["script.yml", "entries: [{ loop: cod, turns: [{}] }]", /entry 1: loop: .*"code"/],
  ["script.yml", "entries: [{ iteration: 0, turns: [{}] }]", /entry 1: iteration/],
  ["script.yml", "entries: [{ iteration: two, turns: [{}] }]", /entry 1: iteration/],
  ["script.yml", "entries: [{ turns: [{ text: 1 }] }]", /entry 1: turns\.0\.text/],
  ["script.yml", "entries: [{ turns: [{ tools: [{ nam: x }] }] }]", /entry 1: turns\.0\.tools\.0/],
  ["script.yml", "entries: [{ turns: [{ tools: [{ name: x, input: {}, invalid_json: y }] }] }]", /not both/],
  [
    "script.yml",
    "entries: [{ turns: [{ fail: { code: boom } }] }]",
    /entry 1: turns\.0\.fail\.code: .*model_auth/,
  ],
])("%s with %p is refused, saying where", (name, content, message) => {
  const failure = failureOf(() => loadScript(write(content, name)));
  expect(failure.code).toBe("config_invalid");
  expect(failure.message).toMatch(message);
  expect(failure.hint).toContain("loopr help scripted-model");
});

test("a script that is not there is named", () => {
  const failure = failureOf(() => loadScript(join(directory, "none.yml")));
  expect(failure.message).toContain("none.yml is not right: it cannot be read (ENOENT)");
});

test("the example of the documentation is a script", () => {
  const page = readFileSync(new URL("../../docs/scripted-model.md", import.meta.url), "utf8");
  const [, example = ""] = /```yaml\n(.*?)```/s.exec(page) ?? [];
  const script = loadScript(write(example));
  expect(script.entries.map((entry) => entry.loop)).toEqual(["plan", "code", "code", "code"]);
});
