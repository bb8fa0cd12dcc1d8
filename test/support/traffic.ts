// Arbitrary traffic for the daemon's socket: requests and garbage of which it is known how each line has to be
// answered, cut into pieces anywhere, on several connections at once.
import fc from "fast-check";

/** How a line is answered. `inOrder`: before anything that is sent later. */
interface Answer {
  id: number;
  /** Null: with a result. */
  code: number | null;
  inOrder: boolean;
}

interface Line {
  bytes: Buffer;
  /** Null: not at all. */
  answer: Answer | null;
}

export interface Talk {
  /** The bytes to send, in this order. */
  chunks: Buffer[];
  answers: Answer[];
  lines: number;
  /** `wait`: for all answers. `half-close`: send no more, and read to the end. `kill`: leave in the middle. */
  ending: "wait" | "half-close" | "kill" | "refused";
}

export interface Scenario {
  talks: Talk[];
  /** Which connection sends its next chunk; each number is taken modulo those that still have one. */
  turns: number[];
}

const lineBytesMax = 1024 * 1024;
const linesMax = 30;
const talksMax = 4;

export function scenarios(): fc.Arbitrary<Scenario> {
  return fc.record({
    talks: fc.array(talk(), { minLength: 1, maxLength: talksMax }),
    turns: fc.array(fc.nat(), { maxLength: 50 }),
  });
}

function talk(): fc.Arbitrary<Talk> {
  return fc
    .record({
      lines: fc.array(line(), { maxLength: linesMax }),
      places: fc.array(fc.nat(), { maxLength: 10 }),
      ending: fc.oneof(
        { weight: 6, arbitrary: fc.constant("wait" as const) },
        { weight: 2, arbitrary: fc.constant("half-close" as const) },
        { weight: 1, arbitrary: fc.constant("kill" as const) },
        { weight: 1, arbitrary: fc.constant("refused" as const) },
      ),
    })
    .map(({ lines, places, ending }) => {
      // Numbered one after the other, so that each answer can be told from all others.
      const made = lines.map((make, index) => make(index + 1));
      const answers = made.flatMap(({ answer }) => answer ?? []);
      const bytes = made.map((one) => one.bytes);
      if (ending === "refused") {
        answers.push({ id: 0, code: -32600, inOrder: true });
        bytes.push(Buffer.alloc(lineBytesMax + 1, "x"));
      }
      return { chunks: cut(Buffer.concat(bytes), places), answers, lines: bytes.length, ending };
    });
}

/** Small ones mostly, or the large ones would be nearly all of the traffic. */
function sizes(max: number): fc.Arbitrary<number> {
  const [small, large] = [fc.integer({ min: 1, max: max / 100 }), fc.integer({ min: 1, max })];
  return fc.oneof({ weight: 9, arbitrary: small }, { weight: 1, arbitrary: large });
}

type MakeLine = (id: number) => Line;

function line(): fc.Arbitrary<MakeLine> {
  return fc.oneof(
    { weight: 8, arbitrary: served },
    { weight: 3, arbitrary: refused },
    { weight: 3, arbitrary: garbage },
    { weight: 1, arbitrary: blank },
  );
}

const ending = fc.constantFrom("\n", "\r\n", " \n", "\n\n\r\n");
const object = (options: fc.JsonSharedConstraints = {}) =>
  fc.dictionary(fc.string({ maxLength: 12 }), fc.jsonValue(options), { maxKeys: 4 });

/** A line of a request, with whatever members besides, in whatever order. */
function request(
  fields: { method: string; params?: unknown },
  code: number | null,
  inOrder = true,
): fc.Arbitrary<MakeLine> {
  return fc.tuple(object({ maxDepth: 2 }), ending, fc.boolean()).map(([more, end, last]) => (id) => {
    const own = Object.fromEntries(
      Object.entries(more).filter(([name]) => !["id", "method", "params"].includes(name)),
    );
    const whole = last ? { ...own, ...fields, id } : { id, ...fields, ...own };
    return { bytes: Buffer.from(JSON.stringify(whole) + end), answer: { id, code, inOrder } };
  });
}

const served: fc.Arbitrary<MakeLine> = fc.oneof(
  request({ method: "ping" }, null),
  request({ method: "ping", params: null }, null),
  object({ maxDepth: 50 }).chain((params) => request({ method: "ping", params }, null)),
  fc
    .integer({ min: 0, max: 200_000 })
    .chain((length) => request({ method: "ping", params: { padding: "ü".repeat(length) } }, null)),
  request({ method: "status", params: {} }, null),
  request({ method: "initialize", params: { version: "0.1.1" } }, null),
  request({ method: "unsubscribe" }, null),
  fc.nat().chain((since) => request({ method: "subscribe", params: { since, loop_id: null } }, null)),
  request({ method: "loop.list", params: { status: null } }, null, false),
  request({ method: "metrics.get" }, null, false),
);

const refused: fc.Arbitrary<MakeLine> = fc.oneof(
  fc
    .oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", "loop.get ", "PING", ""))
    .filter(
      (method) =>
        !/^(ping|status|shutdown|(un)?subscribe|initialize)$|^(loop|plan|chat|metrics)\.\w+$/.test(method),
    )
    .chain((method) => request({ method, params: {} }, -32601)),
  fc.constantFrom("chat.send", "chat.cancel", "chat.clear").chain((method) => request({ method }, 1006)),
  fc
    .jsonValue()
    .filter((value) => typeof value !== "string")
    .chain((version) => request({ method: "initialize", params: { version } }, -32602)),
  request({ method: "initialize", params: { version: "1", protocol: "2.0" } }, 1004),
  fc
    .constantFrom(-1, 0.5, "1", [], true)
    .chain((since) => request({ method: "subscribe", params: { since } }, -32602)),
  fc
    .constantFrom("loop.get", "loop.pause", "plan.approve", "loop.diff")
    .chain((method) =>
      fc
        .constantFrom({}, { id: null }, { id: 5 }, { id: {} }, null)
        .chain((params) => request({ method, params }, -32602)),
    ),
  request({ method: "shutdown", params: { mode: "perhaps" } }, -32602),
  fc
    .constantFrom("loop.get", "loop.pause", "loop.cancel", "loop.delete", "loop.diff", "plan.approve")
    .chain((method) => fc.string().chain((id) => request({ method, params: { id } }, 1001, false))),
);

/** What is no request, and is told so under the number 0. */
const garbage: fc.Arbitrary<MakeLine> = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ minLength: 1, unit: "binary" }).map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
    sizes(100_000).map((depth) => Buffer.from("[".repeat(depth))),
    fc
      .integer({ min: 1, max: 100_000 })
      .map((depth) => Buffer.from('{"id":'.repeat(depth) + "1" + "}".repeat(depth))),
    fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from('{"id":1,"method":"ping","params":{"name":"some text"}}');
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
    fc
      .constantFrom(
        '{"id":-1,"method":"ping"}',
        '{"id":18446744073709551616,"method":"ping"}',
        '{"id":"1","method":"ping"}',
        '{"id":null,"method":"ping"}',
        '{"id":1,"method":null}',
        '{"id":1,"method":"ping","params":[]}',
        '{"id":1,"method":"ping"}{"id":2,"method":"ping"}',
      )
      .map((text) => Buffer.from(text)),
  )
  .filter((bytes) => !bytes.includes(0x0a) && isRefused(bytes))
  .map((bytes) => () => ({
    bytes: Buffer.concat([bytes, Buffer.from("\n")]),
    answer: { id: 0, code: -32700, inOrder: true },
  }));

const blank: fc.Arbitrary<MakeLine> = fc
  .constantFrom("\n", "\r\n", "  \t\n", "\n\r\n\n")
  .map((text) => () => ({ bytes: Buffer.from(text), answer: null }));

function isRefused(bytes: Buffer): boolean {
  const text = bytes.toString("utf8").trim();
  if (text === "") return false;
  if (!Buffer.from(bytes.toString("utf8")).equals(bytes)) return true;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("id" in value) || !("method" in value)) return true;
    const params = "params" in value ? value.params : null;
    const isRecord = params === null || (typeof params === "object" && !Array.isArray(params));
    const isId = Number.isSafeInteger(value.id) && Number(value.id) >= 0;
    return !isId || typeof value.method !== "string" || !isRecord;
  } catch {
    return true;
  }
}

function cut(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends
    .map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
    .filter((chunk) => chunk.length > 0);
}
