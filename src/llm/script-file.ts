// The script of a scripted model: which turns are played for which loop's which iteration.
// The format is described, with an example, in docs/scripted-model.md.
import { readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import * as z from "zod/mini";
import { loopTypes } from "../domain/loop-states.ts";
import { PassName } from "../domain/passes.ts";
import "../domain/schema-messages.ts";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";

const count = z.int().check(z.nonnegative());

const ToolCall = z
  .strictObject({
    name: z.string().check(z.minLength(1)),
    input: z.optional(z.record(z.string(), z.unknown())),
    /** The arguments as a text that is no JSON, as models sometimes send it. */
    invalid_json: z.optional(z.string()),
  })
  .check(
    z.refine(
      (call) => call.input === undefined || call.invalid_json === undefined,
      "input or invalid_json, not both",
    ),
  );

const failureCodes = ["model_auth", "model_unreachable", "model_rejected", "model_timeout"] as const;

const ScriptTurn = z.strictObject({
  text: z.optional(z.string()),
  tools: z.optional(z.array(ToolCall)),
  stop: z.optional(z.enum(["end", "tool_use", "max_tokens", "refusal"])),
  usage: z.optional(
    z.strictObject({
      input: z._default(count, 0),
      output: z._default(count, 0),
      cache_read: z._default(count, 0),
      cache_write: z._default(count, 0),
    }),
  ),
  cost_usd: z.optional(z.number().check(z.nonnegative())),
  delay_ms: z.optional(count.check(z.maximum(600_000))),
  /** Instead of an answer: this error of the model port. */
  fail: z.optional(z.strictObject({ code: z.enum(failureCodes), message: z.optional(z.string()) })),
});
export type ScriptTurn = z.infer<typeof ScriptTurn>;

const ScriptEntry = z.strictObject({
  /** The loop's type; `judge` answers for the judge of any. */
  loop: z.optional(z.enum([...loopTypes, "judge"])),
  /** The pass of a plan. Where no entry names one, the model accepts the plan as it stands. */
  pass: z.optional(PassName),
  /** The loop's title, with `*` for any characters and `?` for one. */
  title: z.optional(z.string()),
  /** A number, or `2+` for the second and all later ones. */
  iteration: z.optional(z.union([z.int().check(z.positive()), z.string().check(z.regex(/^[1-9]\d*\+$/))])),
  turns: z.array(ScriptTurn).check(z.minLength(1)),
});
export type ScriptEntry = z.infer<typeof ScriptEntry>;

export interface Script {
  /** Where it came from, for messages. */
  source: string;
  entries: ScriptEntry[];
}

/** Throws `config_invalid`, naming file and entry, where it cannot be read or is not right. */
export function loadScript(path: string): Script {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(path, `it cannot be read (${systemCode(error) || messageOf(error)})`);
  }
  return parseScript(text, path);
}

/** A script from a text in YAML or JSON. */
function parseScript(text: string, source: string): Script {
  const value = source.endsWith(".json") ? fromJson(text, source) : fromYaml(text, source);
  const list = z.safeParse(z.strictObject({ entries: z.array(z.unknown()).check(z.minLength(1)) }), value);
  if (!list.success) {
    throw invalid(source, `it needs a list \`entries\` and nothing beside it: ${problems(list.error)}`);
  }
  const entries = list.data.entries.map((entry, index) => {
    const parsed = z.safeParse(ScriptEntry, entry);
    if (!parsed.success) throw invalid(source, `entry ${index + 1}: ${problems(parsed.error)}`);
    return parsed.data;
  });
  return { source, entries };
}

function fromYaml(text: string, source: string): unknown {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw invalid(source, error.message);
  return document.toJS();
}

function fromJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(source, messageOf(error));
  }
}

function problems(error: z.core.$ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length > 0 ? `${issue.path.join(".")}: ` : ""}${issue.message}`)
    .join("; ");
}

function invalid(source: string, reason: string): LooprError {
  return new LooprError(
    "config_invalid",
    `The model script ${source} is not right: ${reason.trim()}`,
    "Correct the file; loopr help scripted-model describes its format.",
  );
}
