// The failure table of the adapter over HTTP: what is asked again, and what each failure is called.
import { expect, test } from "bun:test";
import { createServer, type AddressInfo } from "node:net";
import type { ContentBlock } from "../engine/ports.ts";
import {
  errorEvent,
  garbage,
  hang,
  rateLimited,
  reset,
  status,
  text,
  truncated,
  type Reply,
} from "../../test/support/model-server.ts";
import { ask, closeServers, failureOf, key, requests, start } from "../../test/support/asked-model.ts";

closeServers();

const answer = text("a fairly long answer in several pieces");
test.each<[string, Reply]>([
  ["429 with retry-after in seconds", rateLimited(0)],
  ["429 with retry-after as a date", rateLimited(new Date(0).toUTCString())],
  ["429 without retry-after", status(429)],
  ["408", status(408)],
  ["500", status(500, "Internal")],
  ["502 with a page of a proxy", garbage("<html>502</html>", "text/html")],
  ["503", status(503)],
  ["529", status(529, "Overloaded")],
  ["an error event in the stream", errorEvent(answer)],
  ["a stream that ends before its message", truncated(answer, 4)],
  ["a stream that ends without its last event", truncated(answer, 9)],
  ["a stream of nothing", truncated(answer, 0)],
  ["a connection reset before the answer", reset()],
  ["a connection reset in the middle", reset(answer)],
  ["garbage", garbage("event: message_start\ndata: {not json\n\n")],
  ["a malformed event", garbage('event: message_start\ndata: {"type":"message_start"}\n\n')],
  [
    "events out of order",
    garbage(
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"x"}}\n\n',
    ),
  ],
  ["JSON where a stream was asked for", garbage('{"type":"message"}', "application/json")],
])("asks again after %s", async (_name, fault) => {
  const model = await start([fault, fault, answer]);
  const result = await ask(model);
  expect(result.content).toEqual([answer as ContentBlock]);
  expect(result.retries).toBe(2);
  expect(requests()).toHaveLength(3);
});

test.each<[string, Reply, string, number, RegExp]>([
  [
    "401",
    status(401, `key ${key} is bad`),
    "model_auth",
    1,
    /401 authentication_error\): key \[key\] is bad/,
  ],
  ["402", status(402, "pay first"), "model_auth", 1, /pay first/],
  ["403", status(403, "not yours"), "model_auth", 1, /not yours/],
  ["400", status(400, "max_tokens: too many"), "model_rejected", 1, /max_tokens: too many/],
  ["404", status(404, "model: claude-x"), "model_rejected", 1, /model: claude-x/],
  ["413", status(413), "model_rejected", 1, /request_too_large/],
  ["429 for good", rateLimited(0), "model_unreachable", 6, /6 attempts/],
  ["429 for hours", rateLimited(7200), "model_unreachable", 1, /rate limit/],
  [
    "429 that says not to ask again",
    status(429, "spent", { "x-should-retry": "false" }),
    "model_unreachable",
    1,
    /spent/,
  ],
  ["500 for good", status(500, "oops"), "model_unreachable", 6, /oops \(6 attempts\)/],
  ["529 for good", status(529), "model_unreachable", 6, /529 overloaded_error/],
  ["truncated for good", truncated(answer), "model_unreachable", 6, /before the message was complete/],
  ["reset for good", reset(), "model_unreachable", 6, /could not be reached, or broke off/],
  ["no stream at all", garbage("<html>login</html>", "text/html"), "model_unreachable", 6, /base URL/],
  [
    "authentication error in the stream",
    errorEvent(answer, "authentication_error"),
    "model_auth",
    1,
    /authentication_error/,
  ],
  ["never an answer", hang(), "model_timeout", 2, /within 0.05 s/],
  ["an answer that never goes on", hang(true), "model_timeout", 2, /within 0.05 s/],
])(
  "%s fails with its code after the right number of attempts, without the key",
  async (_name, fault, code, attempts, message) => {
    const model = await start(() => fault);
    const failure = await failureOf(ask(model, { timeout_ms: attempts === 2 ? 50 : 60_000 }));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(message);
    expect(failure.hint).not.toBe("");
    expect(requests()).toHaveLength(attempts);
    expect(Bun.inspect(failure)).not.toContain(key);
  },
);

test("a server that is not there: unreachable, named without what its URL keeps secret", async () => {
  const closed = await freePort();
  const model = await start([], { baseUrl: `http://user:secret@127.0.0.1:${closed}/anthropic` });
  const failure = await failureOf(ask(model));
  expect(failure.code).toBe("model_unreachable");
  expect(failure.message).toContain(`http://127.0.0.1:${closed}`);
  expect(Bun.inspect(failure)).not.toContain("secret");
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
