import { expect, test } from "bun:test";
import { CallLimiter } from "./limiter.ts";
import { createModel } from "./models.ts";

const limiter = new CallLimiter(1);

test.each([
  ["anthropic", "There is no API key", "ANTHROPIC_API_KEY"],
  ["scripted", "there is no script", "LOOPR_SCRIPT"],
] as const)("%s without what it needs says what to set", (provider, message, hint) => {
  let failure: unknown = null;
  try {
    createModel({ provider, credentials: null, script: null, limiter });
  } catch (error) {
    failure = error;
  }
  expect(failure).toMatchObject({
    code: "no_model",
    message: expect.stringContaining(message) as string,
    hint: expect.stringContaining(hint) as string,
  });
});
