// From a request's text to its response: parsing, the refusals of the protocol, and whoever answers.
import type * as z from "zod/mini";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Response } from "../protocol/messages.ts";
import { methods, type MethodName } from "../protocol/methods.ts";
import { isRequest, Request, requestIdMax } from "../protocol/request.ts";
import type { Caller, Handlers } from "./handlers.ts";

/** How much of what a client sent is repeated to it in an error. */
const echoCharsMax = 200;

export type Dispatch = (text: string, caller: Caller) => Response | Promise<Response>;

/**
 * Answers at once where the handler does, so that a pipelined `ping` costs no turn of the event loop.
 * Never throws: whatever goes wrong is a response.
 */
export function createDispatch(handlers: Handlers, log: Log): Dispatch {
  return (text, caller) => {
    const { request, refused } = parseRequest(text);
    if (refused) return refused;
    const { id, method } = request;
    try {
      const result = answer(handlers, request, caller);
      if (!(result instanceof Promise)) return { id, result };
      return result.then(
        (value: unknown) => ({ id, result: value }),
        (error: unknown) => failure(id, method, error, log),
      );
    } catch (error) {
      return failure(id, method, error, log);
    }
  };
}

type ParsedRequest = { request: Request; refused?: undefined } | { request?: undefined; refused: Response };

function parseRequest(text: string): ParsedRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { refused: refusal(0, rpcCodes.parse, `Parse error: ${messageOf(error)}`) };
  }
  if (isRequest(json)) return { request: json };
  if (idOverMax(json)) {
    return { refused: refusal(0, rpcCodes.parse, `Parse error: 'id' is over ${requestIdMax}`) };
  }
  const where = Request.safeParse(json).error?.issues[0]?.path.join(".") ?? "";
  const what = where === "" ? "a request is an object" : `'${where}' is missing or of the wrong type`;
  const example = '{"id":1,"method":"ping","params":{}}';
  return { refused: refusal(0, rpcCodes.parse, `Parse error: ${what}, as in ${example}`) };
}

/** Above it two ids may read as the same number, and the answer would go to the wrong request. */
function idOverMax(json: unknown): boolean {
  if (typeof json !== "object" || json === null || !("id" in json)) return false;
  return typeof json.id === "number" && json.id > requestIdMax;
}

function answer(handlers: Handlers, request: Request, caller: Caller): unknown {
  const { method } = request;
  if (!isMethod(method)) {
    throw new RpcError(rpcCodes.unknownMethod, `Unknown method: ${method.slice(0, echoCharsMax)}`);
  }
  const handler = handlers[method];
  if (!handler) {
    throw new RpcError(rpcCodes.notAvailable, `${method} is not available in this version of Loopr`, {
      reason: "not_built",
    });
  }
  const params = parseParams(method, request.params ?? {});
  // Parsed by the schema of this very method, which TypeScript cannot follow through the lookup.
  return (handler as (params: unknown, caller: Caller) => unknown)(params, caller);
}

function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

function parseParams(method: MethodName, params: Record<string, unknown>): unknown {
  const parsed = methods[method].params.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = issue?.path.join(".") ?? "";
  throw new RpcError(rpcCodes.invalidParams, paramMessage(name, issue, params), { parameter: name });
}

function paramMessage(
  name: string,
  issue: z.core.$ZodIssue | undefined,
  params: Record<string, unknown>,
): string {
  const given = issue?.path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    params,
  );
  if (given === undefined || given === null) return `Missing '${name}' parameter`;
  return `Invalid '${name}' parameter: ${expectation(issue)}`;
}

function expectation(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === "invalid_type") return `it must be of type ${issue.expected}`;
  if (issue?.code === "invalid_value") return `it must be one of ${issue.values.join(", ")}`;
  if (issue?.code === "too_small") return issue.origin === "string" ? "it is empty" : "it is too small";
  return issue?.message ?? "it is not valid";
}

function failure(id: number, method: string, error: unknown, log: Log): Response {
  if (error instanceof RpcError) return refusal(id, error.code, error.message, error.data);
  if (error instanceof LooprError) {
    log.error(`${method} failed: ${error.message}`, { method, error });
    return refusal(id, rpcCodes.internal, error.message, { reason: error.code, hint: error.hint });
  }
  log.error(`${method} failed by a bug: ${messageOf(error)}`, { method, error });
  return refusal(id, rpcCodes.internal, `Internal error in ${method}; the daemon's log has the details`);
}

export function refusal(
  id: number,
  code: number,
  message: string,
  data: Record<string, unknown> = {},
): Response {
  return { id, error: { code, message, ...(Object.keys(data).length > 0 ? { data } : {}) } };
}
