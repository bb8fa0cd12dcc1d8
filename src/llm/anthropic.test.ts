// What only the adapter over HTTP does: the request, retries, what breaks, keys.
import { expect, test } from "bun:test";
import * as z from "zod/mini";
import type { ContentBlock } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import { hang, rateLimited, status, text, thinking, tool, turn } from "../../test/support/model-server.ts";
import {
  ask,
  closeServers,
  failureOf,
  key,
  never,
  requests,
  serve,
  server,
  start,
} from "../../test/support/asked-model.ts";
import { CallLimiter } from "./limiter.ts";
import { createModel } from "./models.ts";
import { costOf } from "./pricing.ts";
import { turnRequest } from "../../test/support/turn-request.ts";

closeServers();

test("asks for what the turn says, with the key, as a stream", async () => {
  const model = await start([text("ok")]);
  await ask(model, { max_tokens: 77, model: "claude-x" });
  const [request] = requests();
  expect(request?.key).toBe(key);
  expect(request?.body).toMatchObject({ model: "claude-x", max_tokens: 77, stream: true });
  expect(request?.system).toBe("You write code.");
  expect(request?.tools).toEqual(["read_file", "write_file"]);
  expect(request?.prompt).toBe("Add a greeting.");
  expect(server().refused).toEqual([]);
});

const Block = z.object({ type: z.string(), text: z.optional(z.string()), content: z.optional(z.string()) });

const marked = (value: unknown): string[] => {
  const found: string[] = [];
  JSON.stringify(value, (name, inner: unknown) => {
    if (typeof inner === "object" && inner !== null && "cache_control" in inner) {
      const block = Block.parse(inner);
      found.push(block.text ?? block.content ?? `${name} ${block.type}`);
    }
    return inner;
  });
  return found.sort();
};

test("marks for the cache what stays the same, and where the next turn goes on", async () => {
  const model = await start([text("ok"), text("ok")]);
  const messages = [
    turnRequest().messages[0],
    {
      role: "assistant" as const,
      content: [{ type: "tool_use" as const, id: "a", name: "glob", input: {} }],
    },
    {
      role: "user" as const,
      content: [{ type: "tool_result" as const, tool_use_id: "a", content: "one", is_error: true }],
    },
    {
      role: "assistant" as const,
      content: [{ type: "tool_use" as const, id: "b", name: "glob", input: {} }],
    },
    {
      role: "user" as const,
      content: [{ type: "tool_result" as const, tool_use_id: "b", content: "two", is_error: false }],
    },
  ].filter((message) => message !== undefined);
  await ask(model);
  await ask(model, { messages });
  expect(marked(requests()[0]?.body)).toEqual(["Add a greeting.", "You write code."]);
  expect(marked(requests()[1]?.body)).toEqual(["You write code.", "one", "two"]);
  expect(requests()[1]?.results).toEqual([{ id: "b", content: "two", isError: false }]);
  expect(messages[2]?.content[0]).not.toHaveProperty("cache_control");
});

test("thinking goes back unchanged, in its place; a turn that ends in it is mended", async () => {
  const model = await start([
    [thinking("hm, a file", "c2ln"), text("Writing."), tool("glob", { pattern: "*" }, "t1")],
    text("ok"),
    text("ok"),
  ]);
  const { content } = await ask(model);
  expect(content.map((block) => block.type)).toEqual(["thinking", "text", "tool_use"]);
  expect(content[0]).toMatchObject({ text: "hm, a file" });
  const [prompt] = turnRequest().messages;
  const result: ContentBlock = { type: "tool_result", tool_use_id: "t1", content: "", is_error: false };
  if (!prompt) throw new Error("no prompt");
  // Through JSON, as a conversation that was written down.
  const written = JSON.parse(JSON.stringify(content)) as ContentBlock[];
  await ask(model, {
    messages: [prompt, { role: "assistant", content: written }, { role: "user", content: [result] }],
  });
  expect(requests()[1]?.messages[1]?.["content"]).toEqual([
    { type: "thinking", thinking: "hm, a file", signature: "c2ln" },
    { type: "text", text: "Writing." },
    { type: "tool_use", id: "t1", name: "glob", input: { pattern: "*" } },
  ]);
  const cut = content.slice(0, 1);
  await ask(model, {
    messages: [
      prompt,
      { role: "assistant", content: cut },
      { role: "user", content: [{ type: "text", text: "Go on." }] },
    ],
  });
  expect(requests()[2]?.messages[1]?.["content"]).toEqual([{ type: "text", text: "(nothing)" }]);
  expect(server().refused).toEqual([]);
});

test("text without words is neither passed on nor sent", async () => {
  const model = await start([[text("  \n"), tool("glob", {}, "t1")], text("ok")]);
  const { content } = await ask(model);
  expect(content.map((block) => block.type)).toEqual(["tool_use"]);
  await ask(model, {
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: " " },
          { type: "text", text: "x" },
        ],
      },
    ],
  });
  expect(requests()[1]?.prompt).toBe("x");
});

test("a refusal in the middle of a tool call is no tool call; nothing to say to the system is not said", async () => {
  const model = await start([turn([text("I"), tool("write_file", {})], { stop: "refusal" })]);
  const result = await ask(model, { system: "", tools: [] });
  expect(result).toMatchObject({ stop: "refusal", content: [{ type: "text", text: "I" }] });
  expect(requests()[0]?.body).not.toHaveProperty("system");
  expect(requests()[0]?.body).not.toHaveProperty("tools");
  expect(server().refused).toEqual([]);
});

const answer = text("a fairly long answer in several pieces");

test("a base URL that is none is found at once", () => {
  const make = (base_url: string) => () =>
    createModel({
      provider: "anthropic",
      credentials: { api_key: key, base_url },
      script: null,
      limiter: new CallLimiter(1),
    });
  expect(make("not a url")).toThrow("not an http(s) URL");
  expect(make("file:///etc/passwd")).toThrow("not an http(s) URL");
});

test("what a broken answer cost is counted, and the listener is told that it broke", async () => {
  const tokens = { input_tokens: 1000, output_tokens: 10, cache_read_input_tokens: 500 };
  const model = await start([
    { fault: "truncated", turn: turn(answer, { usage: tokens }), events: 4 },
    turn(answer, { usage: tokens }),
  ]);
  const heard: string[] = [];
  const result = await ask(model, {}, never, (part) => heard.push(part));
  expect(result.usage).toEqual({ input: 2000, output: 11, cache_read: 1000, cache_write: 0 });
  const whole = { input: 1000, output: 10, cache_read: 500, cache_write: 0 };
  const broken = { ...whole, output: 1 };
  expect(result.cost_usd).toBeCloseTo(
    costOf("claude-sonnet-5-5", whole) + costOf("claude-sonnet-5-5", broken),
    12,
  );
  expect(heard.join("")).toBe(`a fairly lon\n[the answer broke off]\n${(answer as { text: string }).text}`);
});

test("a 429 holds back every call to that provider, and no call to another", async () => {
  const slept: number[] = [];
  let now = 0;
  const time = {
    now: () => now,
    sleep: async (ms: number) => {
      slept.push(ms);
      now += ms;
    },
  };
  const limiter = new CallLimiter(10, time);
  const server = await serve((_, n) => (n === 0 ? rateLimited(90) : text("ok")));
  const make = (base_url: string) =>
    createModel({
      provider: "anthropic",
      credentials: { api_key: key, base_url },
      script: null,
      limiter,
      time,
    });
  const first = ask(make(server.url));
  const deadline = Date.now() + 10_000;
  while (slept.length === 0 && Date.now() < deadline) await Bun.sleep(1);
  expect(slept).toEqual([90_000]);
  expect((await first).retries).toBe(1);
  limiter.holdBack(`anthropic ${server.url}/`, 5000);
  await ask(make(`${server.url}/v`)).catch(() => "404 of the other path");
  expect(slept).toEqual([90_000]);
  await ask(make(server.url));
  expect(slept).toEqual([90_000, 5000]);
});

test("no more calls at once than the limiter allows, and a failed one frees its place", async () => {
  let open = 0;
  let most = 0;
  const limiter = new CallLimiter(2);
  const model = await start(
    async (_, n) => {
      most = Math.max(most, ++open);
      await Bun.sleep(3);
      open -= 1;
      return n % 3 === 0 ? status(500) : text("ok");
    },
    { limiter },
  );
  await Promise.all(Array.from({ length: 12 }, () => ask(model)));
  expect(most).toBe(2);
});

test("cancelling closes the connection and frees the place", async () => {
  const limiter = new CallLimiter(1);
  const model = await start((_, n) => (n === 0 ? hang(true) : text("ok")), { limiter });
  const controller = new AbortController();
  const asked = failureOf(ask(model, {}, controller.signal));
  const waiting = failureOf(ask(model, {}, controller.signal));
  const deadline = Date.now() + 10_000;
  while (requests().length === 0 && Date.now() < deadline) await Bun.sleep(1);
  controller.abort(new Error("the engine's own reason"));
  expect([(await asked).code, (await waiting).code]).toEqual(["cancelled", "cancelled"]);
  expect((await ask(model)).stop).toBe("end");
  while (server().aborted === 0 && Date.now() < deadline) await Bun.sleep(1);
  expect(server().aborted).toBe(1);
});

test("what a listener throws is passed on, and is no reason to ask again", async () => {
  const model = await start([answer]);
  const full = new LooprError("store_full", "no room");
  const asked = ask(model, {}, never, () => {
    throw full;
  });
  expect(await failureOf(asked)).toBe(full);
  expect(requests()).toHaveLength(1);
});

test("nothing of the daemon's own ANTHROPIC_* counts, and it is left as it was", async () => {
  const own = {
    ANTHROPIC_API_KEY: "own-key",
    ANTHROPIC_AUTH_TOKEN: "own-token",
    ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
    ANTHROPIC_CUSTOM_HEADERS: "x-own: yes",
    ANTHROPIC_LOG: "debug",
  };
  const before = Object.keys(own).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, own);
  try {
    const model = await start([text("ok")]);
    await ask(model);
    expect(requests()[0]?.key).toBe(key);
    expect(requests()[0]?.headers["x-own"]).toBeUndefined();
    expect(JSON.stringify(requests()[0]?.headers)).not.toContain("own-");
    expect(process.env).toMatchObject(own);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
});
