// The conversation of an interrupted iteration, read from its record: it goes on after the last turn that is known,
// so that no answer of the model is asked and paid for twice.
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import { systemCode } from "../lib/errors.ts";
import { addTurn, noUsage, type Usage } from "./accounting.ts";
import type { ContentBlock, TurnResult } from "./ports.ts";

export const conversationName = "conversation.jsonl";

const block = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("thinking"), text: z.string(), opaque: z.unknown() }),
  z.object({ type: z.literal("tool_use"), id: z.string(), name: z.string(), input: z.unknown() }),
  z.object({
    type: z.literal("tool_result"),
    tool_use_id: z.string(),
    content: z.string(),
    is_error: z.boolean(),
  }),
]);
const Prompt = z.object({
  role: z.literal("user"),
  content: z.tuple([z.object({ type: z.literal("text"), text: z.string() })]),
  /** The commit that the worktree was at, of a loop that works in one. */
  begun_on: z.nullable(z.string()),
});
const Turn = z.object({
  role: z.literal("assistant"),
  content: z.array(block),
  stop: z.enum(["end", "tool_use", "max_tokens", "refusal"]),
  usage: z.object({
    input: z.number(),
    output: z.number(),
    cache_read: z.number(),
    cache_write: z.number(),
  }),
  cost_usd: z.number(),
  retries: z.number(),
});
const Said = z.object({
  role: z.literal("user"),
  content: z.tuple([z.object({ type: z.literal("text"), text: z.string() })]),
  /** By a person, while the iteration was interrupted. */
  said: z.literal(true),
});
const Answers = z.object({ role: z.literal("user"), content: z.array(block) });
const Entry = z.union([Prompt, Turn, Said, Answers]);
type Entry = z.infer<typeof Entry>;

/** What stands in the records in place of a secret: a turn with it is not what the model said. */
const redactedMark = "[redacted]";

export interface RecordedTurn {
  turn: TurnResult;
  /** What its tools answered; null where that was never written. */
  answers: ContentBlock[] | null;
  /** What a person said after it. */
  said: string[];
}

export interface Recorded {
  prompt: string;
  begunOn: string | null;
  turns: RecordedTurn[];
}

/** One that can go on. */
export interface Unfinished extends Recorded {
  /** What a person has said since, as it is to be told. */
  unsaid: string[];
}

export interface IterationRecorded {
  /** The newest conversation, as far as it was written; null where there is none to go on with. */
  last: Recorded | null;
  /** What those before it have used up: an iteration that was interrupted may have begun several times. */
  usedBefore: Usage;
}

/**
 * Reads the record in an iteration's directory. A line that was cut off by the end of the daemon is taken away:
 * what follows would be joined to it. Throws what the file system throws, but for a record that is not there.
 */
export function readRecorded(directory: string): IterationRecorded {
  const { entries, isPlain } = entriesIn(join(directory, conversationName));
  const usedBefore = noUsage();
  let last: Recorded | null = null;
  for (const entry of entries) {
    if ("begun_on" in entry) {
      for (const { turn } of last?.turns ?? []) addTurn(usedBefore, turn);
      last = { prompt: entry.content[0].text, begunOn: entry.begun_on, turns: [] };
    } else if (entry.role === "assistant") {
      last?.turns.push({ turn: entry, answers: null, said: [] });
    } else if ("said" in entry) {
      last?.turns.at(-1)?.said.push(entry.content[0].text);
    } else {
      const before = last?.turns.at(-1);
      if (before !== undefined) before.answers = entry.content;
    }
  }
  if (last === null || isPlain) return { last, usedBefore };
  for (const { turn } of last.turns) addTurn(usedBefore, turn);
  return { last: null, usedBefore };
}

/** What the turns on record have used up: of an iteration that was interrupted. */
export function usedUntil(directory: string): Usage {
  const { last, usedBefore: used } = readRecorded(directory);
  for (const { turn, answers } of last?.turns ?? []) {
    addTurn(used, turn);
    used.turns += 1;
    used.tool_calls += answers?.length ?? 0;
  }
  return used;
}

function entriesIn(path: string): { entries: Entry[]; isPlain: boolean } {
  const text = textOf(path);
  const entries: Entry[] = [];
  let whole = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const entry = entryOf(line);
    if (entry === null) break;
    entries.push(entry);
    whole += Buffer.byteLength(line) + 1;
  }
  if (whole < Buffer.byteLength(text)) truncateSync(path, whole);
  return { entries, isPlain: !text.includes(redactedMark) };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "";
    throw error;
  }
}

function entryOf(line: string): Entry | null {
  try {
    return z.safeParse(Entry, JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
