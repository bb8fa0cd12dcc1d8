// Signs, within one iteration, that a model goes round in circles. Pure.

/** The same tool called with the same arguments this often in a row. */
const sameCallsMax = 5;
/** Turns in a row in which no call fits its tool's schema: the answers to them do not help. */
const unfitTurnsMax = 3;

export interface Circling {
  lastCall: string;
  sameCalls: number;
  unfitTurns: number;
}

export const notCircling: Circling = { lastCall: "", sameCalls: 0, unfitTurns: 0 };

export interface MadeCall {
  name: string;
  input: unknown;
  fitsSchema: boolean;
}

/** What is known after one more turn with calls, and why that is too much (null while it is not). */
export function noteTurn(
  before: Circling,
  calls: readonly MadeCall[],
): { circling: Circling; stuck: string | null } {
  const unfitTurns = calls.some((call) => call.fitsSchema) ? 0 : before.unfitTurns + 1;
  const circling = { ...before, unfitTurns };
  let stuck: string | null = null;
  if (unfitTurns >= unfitTurnsMax) {
    stuck = `${unfitTurnsMax} turns in a row without a call whose parameters fit, the last of ${calls.at(-1)?.name ?? ""}`;
  }
  for (const { name, input } of calls) {
    const key = `${name} ${JSON.stringify(input)}`;
    circling.sameCalls = key === circling.lastCall ? circling.sameCalls + 1 : 1;
    circling.lastCall = key;
    if (circling.sameCalls >= sameCallsMax)
      stuck ??= `the same call of ${name} ${sameCallsMax} times in a row`;
  }
  return { circling, stuck };
}
