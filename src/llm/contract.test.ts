// The contract of the Model port: one suite for the scripted model and for Anthropic's over real HTTP.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message, Model, TurnRequest } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import {
  failingTool,
  hang,
  modelServer,
  refusal,
  slow,
  status,
  text,
  tool,
  turn,
  type ModelServer,
  type Reply,
} from "../../test/support/model-server.ts";
import { turnRequest } from "../../test/support/turn-request.ts";
import { CallLimiter } from "./limiter.ts";
import { createModel } from "./models.ts";
import { invalidJsonKey } from "./tool-input.ts";

/** The same behaviour, as a script's turn and as a server's reply. */
interface Step {
  script: Record<string, unknown>;
  reply: Reply;
}

const never = new AbortController().signal;
const usage = { input: 11, output: 7, cache_read: 5, cache_write: 3 };
const apiUsage = {
  input_tokens: 11,
  output_tokens: 7,
  cache_read_input_tokens: 5,
  cache_creation_input_tokens: 3,
};

describe.each(["scripted", "anthropic"] as const)("model (%s)", (kind) => {
  let directory: string;
  let server: ModelServer | null = null;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "loopr-model-"));
  });
  afterEach(async () => {
    await server?.close();
    server = null;
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (...steps: Step[]): Promise<Model> => {
    const script = join(directory, "script.json");
    writeFileSync(script, JSON.stringify({ entries: [{ turns: steps.map((step) => step.script) }] }));
    const limiter = new CallLimiter(10);
    if (kind === "scripted") return createModel({ provider: kind, credentials: null, script, limiter });
    server = await modelServer((_, n) => steps[Math.min(n, steps.length - 1)]?.reply ?? text("Done."));
    const credentials = { api_key: "key-1", base_url: server.url };
    return createModel({
      provider: kind,
      credentials,
      script: null,
      limiter,
      env: { LOOPR_MODEL_RETRY_MS: "1" },
    });
  };
  const ask = (model: Model, over: Partial<TurnRequest> = {}, signal = never, onText = (_: string) => {}) =>
    model.turn(turnRequest(over), signal, onText);
  const failureOf = async (work: Promise<unknown>): Promise<LooprError> => {
    const error: unknown = await work.catch((thrown: unknown) => thrown);
    if (error instanceof LooprError) return error;
    throw new Error(`expected a LooprError, got ${String(error)}`);
  };

  test("text ends the turn, and is heard as it comes", async () => {
    const words = "Grüße — nothing more to do, 🎉 all done.";
    const model = await start({
      script: { text: words, usage },
      reply: turn(text(words), { usage: apiUsage }),
    });
    const heard: string[] = [];
    const result = await ask(model, {}, never, (part) => heard.push(part));
    expect(result.content).toEqual([{ type: "text", text: words }]);
    expect(heard.join("")).toBe(words);
    expect(result.stop).toBe("end");
    expect(result.usage).toEqual(usage);
    expect(result.retries).toBe(0);
  });

  test("several tools, then their results, then the end: a whole conversation", async () => {
    const first = { path: "a b/ü.txt", content: 'line "1"\nline 2\n' };
    const model = await start(
      {
        script: {
          text: "Writing.",
          tools: [
            { name: "write_file", input: first },
            { name: "list_directory", input: { path: "." } },
          ],
        },
        reply: [text("Writing."), tool("write_file", first), tool("list_directory", { path: "." })],
      },
      {
        script: { tools: [{ name: "glob", input: { pattern: "*" } }] },
        reply: tool("glob", { pattern: "*" }),
      },
      { script: { text: "Done." }, reply: text("Done.") },
    );
    const messages: Message[] = turnRequest().messages;
    const stops: string[] = [];
    for (let n = 0; n < 3; n++) {
      const { content, stop } = await ask(model, { messages });
      stops.push(stop);
      messages.push({ role: "assistant", content });
      const results = content
        .filter((block) => block.type === "tool_use")
        .map((block) => ({
          type: "tool_result" as const,
          tool_use_id: block.id,
          content: "",
          is_error: false,
        }));
      if (results.length > 0) messages.push({ role: "user", content: results });
    }
    expect(stops).toEqual(["tool_use", "tool_use", "end"]);
    const uses = messages.flatMap((message) => message.content).filter((block) => block.type === "tool_use");
    expect(uses.map((use) => [use.name, use.input])).toEqual([
      ["write_file", first],
      ["list_directory", { path: "." }],
      ["glob", { pattern: "*" }],
    ]);
    expect(new Set(uses.map((use) => use.id)).size).toBe(3);
    expect(server?.refused ?? []).toEqual([]);
  });

  test("arguments that are no JSON are passed on as the text that they are", async () => {
    const json = '{"path": "a.txt", "content": ';
    const model = await start({
      script: { tools: [{ name: "write_file", invalid_json: json }] },
      reply: failingTool("write_file", json),
    });
    const { content } = await ask(model);
    expect(content).toMatchObject([
      { type: "tool_use", name: "write_file", input: { [invalidJsonKey]: json } },
    ]);
  });

  test.each([
    ["max_tokens", { text: "Half a", stop: "max_tokens" }, turn(text("Half a"), { stop: "max_tokens" })],
    ["refusal", { stop: "refusal" }, refusal()],
  ])("stops for another reason: %s", async (stop, script, reply) => {
    const model = await start({ script, reply });
    expect((await ask(model)).stop).toBe(stop as "refusal");
  });

  test.each([
    ["model_auth", status(401, "invalid x-api-key")],
    ["model_auth", status(403, "not allowed")],
    ["model_rejected", status(400, "no such thing")],
    ["model_unreachable", status(529, "Overloaded")],
  ] as const)("fails with %s, a message and a hint", async (code, reply) => {
    const model = await start({ script: { fail: { code, message: "as it was said" } }, reply });
    const failure = await failureOf(ask(model));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(/as it was said|invalid x-api-key|not allowed|no such thing|Overloaded/);
    expect(failure.hint).not.toBe("");
  });

  test("fails with model_timeout", async () => {
    const model = await start({ script: { fail: { code: "model_timeout" } }, reply: hang(true) });
    expect((await failureOf(ask(model, { timeout_ms: 50 }))).code).toBe("model_timeout");
  });

  test("cancelled before it began, and in the middle", async () => {
    const model = await start({
      script: { text: "Slow", delay_ms: 600_000 },
      reply: slow(text("Slow"), 600_000),
    });
    expect((await failureOf(ask(model, {}, AbortSignal.abort()))).code).toBe("cancelled");
    const controller = new AbortController();
    const asked = failureOf(ask(model, {}, controller.signal));
    const deadline = Date.now() + 10_000;
    while (server && server.requests.length === 0 && Date.now() < deadline) await Bun.sleep(2);
    controller.abort();
    expect((await asked).code).toBe("cancelled");
  });
});
