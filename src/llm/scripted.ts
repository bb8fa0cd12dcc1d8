// The scripted model: plays the turns of a script instead of asking anybody. Needs no key and no network,
// and does the same each time.
import type { ContentBlock, Model, TurnRequest, TurnResult, Usage } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import type { Script, ScriptEntry, ScriptTurn } from "./script-file.ts";
import { invalidJsonKey } from "./tool-input.ts";
import { systemTime, type Time } from "./time.ts";

const noUsage: Usage = { input: 0, output: 0, cache_read: 0, cache_write: 0 };

/**
 * Which turn of the entry is played follows from the conversation alone: as many as the model has already
 * taken. After the last one it says that it is done.
 */
export function scriptedModel(script: Script, time: Time = systemTime): Model {
  return {
    priceOf: () => 0,
    turn: async (request, signal, onText) => {
      const taken = request.messages.filter((message) => message.role === "assistant").length;
      const entry = entryFor(script, request) ?? unscripted(script, request);
      const turn = entry.turns[taken] ?? { text: "Done." };
      await time.sleep(turn.delay_ms ?? 0, signal);
      if (turn.fail) throw failure(turn.fail, script, request);
      if (turn.text) onText(turn.text);
      return result(turn, request.loop.iteration, taken + 1);
    },
  };
}

function entryFor(script: Script, request: TurnRequest): ScriptEntry | undefined {
  const { type, title, iteration, judge, pass } = request.loop;
  const isReview = pass !== undefined && pass !== null && pass !== "draft";
  return script.entries.find(
    (candidate) =>
      (judge ? candidate.loop === "judge" : candidate.loop === undefined || candidate.loop === type) &&
      (candidate.pass === undefined ? !isReview : candidate.pass === pass) &&
      (candidate.title === undefined || globMatches(candidate.title, title)) &&
      (candidate.iteration === undefined || iterationMatches(candidate.iteration, iteration)),
  );
}

/** Who scripts a plan need not script what looks at it: both say yes then. Everything else has to be there. */
function unscripted(script: Script, request: TurnRequest): ScriptEntry {
  const { id, type, title, iteration, judge, pass } = request.loop;
  const says = "The script says nothing against it.";
  if (judge) return { turns: [{ tools: [{ name: "verdict", input: { pass: true, reasons: [says] } }] }] };
  if (pass && pass !== "draft")
    return { turns: [{ tools: [{ name: "accept_plan", input: { why: says } }] }] };
  throw new LooprError(
    "model_rejected",
    `The script ${script.source} has no entry for iteration ${iteration} of the ${type} loop "${title}" (${id}).`,
    "Add one, or leave out `iteration` in an entry that is to match every iteration.",
  );
}

function iterationMatches(wanted: number | string, iteration: number): boolean {
  return typeof wanted === "number" ? iteration === wanted : iteration >= Number.parseInt(wanted, 10);
}

function globMatches(glob: string, title: string): boolean {
  const parts = glob.split(/([*?])/).map((part) => {
    if (part === "*") return ".*";
    return part === "?" ? "." : part.replaceAll(/[\\^$.+()[\]{}|]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "su").test(title);
}

function result(turn: ScriptTurn, iteration: number, number: number): TurnResult {
  const content: ContentBlock[] = turn.text ? [{ type: "text", text: turn.text }] : [];
  for (const [index, call] of (turn.tools ?? []).entries()) {
    const input =
      call.invalid_json === undefined ? (call.input ?? {}) : { [invalidJsonKey]: call.invalid_json };
    content.push({
      type: "tool_use",
      id: `scripted-${iteration}-${number}-${index + 1}`,
      name: call.name,
      input,
    });
  }
  const stop = turn.stop ?? (turn.tools?.length ? "tool_use" : "end");
  return { content, stop, usage: turn.usage ?? noUsage, cost_usd: turn.cost_usd ?? 0, retries: 0 };
}

function failure(fail: NonNullable<ScriptTurn["fail"]>, script: Script, request: TurnRequest): LooprError {
  const { iteration, title } = request.loop;
  const message = fail.message ?? `Scripted failure in iteration ${iteration} of "${title}".`;
  return new LooprError(fail.code, message, `The script ${script.source} asks for it.`);
}
