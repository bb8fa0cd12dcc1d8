// The model server of the tests: what it says has to be what the real API would say.
import { afterEach, expect, test } from "bun:test";
import {
  garbage,
  hang,
  modelServer,
  rateLimited,
  refusal,
  reset,
  text,
  tool,
  truncated,
  turn,
  type Handler,
  type ModelServer,
  type Reply,
} from "../support/model-server.ts";

let server: ModelServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});
const start = async (script: Reply[] | Handler) => (server = await modelServer(script));

const call = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  fetch(`${server?.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "k", "anthropic-version": "2023-06-01", ...headers },
    body: JSON.stringify({
      model: "m",
      max_tokens: 10,
      stream: true,
      messages: [{ role: "user", content: "hi" }],
      ...body,
    }),
  });

test("streams the events of the real API, in their order", async () => {
  await start([
    turn([text("Grüße, and so on"), tool("write_file", { path: "a.txt" }, "toolu_1")], {
      usage: { output_tokens: 7 },
    }),
  ]);
  const response = await call({});
  expect(response.headers.get("content-type")).toStartWith("text/event-stream");
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  const events = lines.map((line) => JSON.parse(line.slice(6)) as { type: string });
  expect(events.map((event) => event.type)).toEqual([
    "message_start",
    "ping",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  expect(JSON.stringify(events.at(-2))).toContain('"stop_reason":"tool_use"');
  expect(JSON.stringify(events.at(-2))).toContain('"output_tokens":7');
});

test("answers without a stream where none is asked for", async () => {
  await start([tool("glob", { pattern: "*" }, "toolu_2")]);
  const message: unknown = await (await call({ stream: false })).json();
  expect(message).toMatchObject({
    role: "assistant",
    stop_reason: "tool_use",
    content: [{ type: "tool_use", id: "toolu_2", name: "glob", input: { pattern: "*" } }],
  });
});

test("records what was asked", async () => {
  const { requests } = await start((request) => text(`turn ${request.turn}`));
  await call({
    system: [{ type: "text", text: "be good" }],
    tools: [{ name: "glob", input_schema: { type: "object" } }],
  });
  await call(
    {
      messages: [
        { role: "user", content: [{ type: "text", text: "do it" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "glob", input: {} }] },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "t1", content: "none", is_error: true }],
        },
      ],
    },
    { authorization: "Bearer secret", "x-api-key": "" },
  );
  expect(requests.map((request) => [request.system, request.prompt, request.turn])).toEqual([
    ["be good", "hi", 0],
    ["", "do it", 1],
  ]);
  expect(requests[0]?.tools).toEqual(["glob"]);
  expect(requests[0]?.key).toBe("k");
  expect(requests[1]?.results).toEqual([{ id: "t1", content: "none", isError: true }]);
});

const user = (...content: unknown[]) => ({ role: "user", content });
const use = (id: string) => ({
  role: "assistant",
  content: [{ type: "tool_use", id, name: "glob", input: {} }],
});
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "x" });
const hi = { type: "text", text: "hi" };

test.each([
  ["no key", {}, { "x-api-key": "" }, 401, "x-api-key"],
  ["no version", {}, { "anthropic-version": "" }, 400, "anthropic-version"],
  ["no model", { model: "" }, {}, 400, "model"],
  ["bad max_tokens", { max_tokens: 0 }, {}, 400, "max_tokens"],
  ["no messages", { messages: [] }, {}, 400, "at least one"],
  ["assistant first", { messages: [use("a")] }, {}, 400, "alternate"],
  ["two users", { messages: [user(hi), user(hi)] }, {}, 400, "alternate"],
  ["empty text", { messages: [user({ type: "text", text: "" })] }, {}, 400, "non-empty"],
  ["unanswered tool", { messages: [user(hi), use("a"), user(hi)] }, {}, 400, "without tool_result"],
  [
    "unknown result",
    { messages: [user(hi), use("a"), user(result("a"), result("b"))] },
    {},
    400,
    "unexpected",
  ],
  ["result not first", { messages: [user(hi), use("a"), user(hi, result("a"))] }, {}, 400, "come first"],
  ["ends with a tool", { messages: [user(hi), use("a")] }, {}, 400, "last message"],
  ["tool without schema", { tools: [{ name: "x" }] }, {}, 400, "input_schema"],
  [
    "two tools of a name",
    { tools: [1, 2].map(() => ({ name: "x", input_schema: { type: "object" } })) },
    {},
    400,
    "unique",
  ],
])("refuses as the real API does: %s", async (_name, body, headers, status, message) => {
  const { refused } = await start([text("never")]);
  const response = await call(body, headers);
  expect(response.status).toBe(status);
  expect(await response.text()).toContain(message);
  expect(refused).toHaveLength(1);
});

test("faults: status and headers, truncated, reset, garbage, refusal, script used up", async () => {
  await start([
    rateLimited(7),
    truncated(text("a long answer in several deltas")),
    reset(),
    reset(text("half of it")),
    garbage("<html>"),
    refusal(),
  ]);
  const limited = await call({});
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
  expect(await (await call({})).text()).not.toContain("message_stop");
  expect(await call({}).then(String, () => "broken")).toBe("broken");
  expect(
    await call({})
      .then((response) => response.text())
      .catch(() => "broken"),
  ).toBe("broken");
  expect(await (await call({})).text()).toBe("<html>");
  expect(await (await call({})).text()).toContain('"stop_reason":"refusal"');
  expect(await (await call({})).text()).toContain("only 6 replies were scripted");
});

test("closing ends what hangs", async () => {
  const { requests } = await start([hang(), hang(true)]);
  const silent = call({}).then(String, () => "broken");
  const begun = call({})
    .then((response) => response.text())
    .catch(() => "broken");
  const deadline = Date.now() + 10_000;
  while (requests.length < 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  await server?.close();
  server = null;
  expect(await silent).toBe("broken");
  expect(["broken", ""]).toContain(await begun);
});
