/** Error codes on the wire. The first five are JSON-RPC's numbers; the others are Loopr's. */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  loopNotFound: 1001,
  invalidState: 1002,
  notPermitted: 1003,
  versionMismatch: 1004,
  busy: 1005,
  notAvailable: 1006,
} as const;

/**
 * A refusal that goes over the wire as `error`. `data.reason` is a stable word for programs
 * (`no_check`, `dirty`, …), `data.hint` says what to do.
 */
export class RpcError extends Error {
  readonly code: number;
  readonly data: Record<string, unknown>;

  constructor(code: number, message: string, data: Record<string, unknown> = {}) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = data;
  }

  get reason(): string {
    return typeof this.data["reason"] === "string" ? this.data["reason"] : "";
  }

  get hint(): string {
    return typeof this.data["hint"] === "string" ? this.data["hint"] : "";
  }
}
