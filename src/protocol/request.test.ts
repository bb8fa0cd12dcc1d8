import { expect, test } from "bun:test";
import fc from "fast-check";
import { isRequest, Request } from "./request.ts";

const nearly = fc.record(
  {
    id: fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.double(), fc.jsonValue()),
    method: fc.oneof(fc.string(), fc.jsonValue()),
    params: fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())),
    more: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

test("the quick look at a request takes exactly what the schema takes", () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), nearly), (value) => {
      const received: unknown = JSON.parse(JSON.stringify(value));
      expect(isRequest(received)).toBe(Request.safeParse(received).success);
    }),
    { numRuns: 2_000 },
  );
});
