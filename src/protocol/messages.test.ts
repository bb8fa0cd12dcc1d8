import { describe, expect, test } from "bun:test";
import { isDaemonIdentity, isReadinessLine } from "./identity.ts";
import { isEventMessage, isResponse } from "./messages.ts";

const identity = {
  pid: 7,
  startTime: "1",
  bootId: "b",
  version: "0.2.0",
  build: "x",
  protocol: "1.0",
  nonce: "n",
  socket: "/s",
};

describe.each([
  [
    "an event",
    isEventMessage,
    [
      { event: "a", data: {} },
      { event: "a", data: null, seq: 3 },
    ],
    [
      { event: 1, data: {} },
      { event: "a", data: {}, seq: "3" },
      { id: 1, result: {} },
    ],
  ],
  [
    "a response",
    isResponse,
    [
      { id: 1, result: {} },
      { id: 0, error: { code: 1, message: "m" } },
    ],
    [{ id: "1" }, { result: {} }, { id: 1, error: "no" }, { id: 1, error: { code: "1", message: "m" } }],
  ],
  [
    "daemon.json",
    isDaemonIdentity,
    [identity, { ...identity, more: true }],
    [
      { ...identity, pid: -1 },
      { ...identity, pid: 0.5 },
      { ...identity, pid: "7" },
      { ...identity, nonce: null },
    ],
  ],
  [
    "a line of the readiness pipe",
    isReadinessLine,
    [
      { progress: "recovering" },
      { ready: { pid: 1, socket: "/s" } },
      { error: { code: "c", message: "m", hint: "" } },
    ],
    [{ ready: true }, { ready: { pid: "1", socket: "/s" } }, { error: { message: "m" } }, {}],
  ],
] as const)("%s", (_name, is, right, wrong) => {
  test.each(right.map((value) => [value]))("%j is one", (value) => expect(is(value)).toBe(true));
  test.each([...wrong, null, [], "text", 7].map((value) => [value]))("%j is none", (value) =>
    expect(is(value)).toBe(false),
  );
});
