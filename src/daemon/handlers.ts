// How the server calls whoever answers a method.
import type { Credentials, MethodName, Params, Result } from "../protocol/methods.ts";

/** What a handler may know of the connection that asked. */
export interface Caller {
  readonly id: number;
  readonly cwd: string | null;
  readonly credentials: Credentials | null;
}

/** Throws RpcError to refuse; anything else thrown is logged and answered with -32603. A method without a handler answers 1006. */
export type Handlers = {
  [M in MethodName]?: (params: Params<M>, caller: Caller) => Promise<Result<M>> | Result<M>;
};
