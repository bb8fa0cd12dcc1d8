// The model's part of one iteration: turns with tools until it says that it is done, or a bound is reached.
import { join } from "node:path";
import * as z from "zod/mini";
import { mayUseUnixSockets } from "../domain/config.ts";
import type { Loop } from "../domain/loop.ts";
import { isArtifactTool, type TypeDefinition } from "../domain/loop-types.ts";
import type { PassName } from "../domain/passes.ts";
import { notCircling, noteTurn } from "../domain/stuck.ts";
import { isToolName, tools, type Tool, type ToolName } from "../tools/catalog.ts";
import { invalidJsonKey } from "../tools/invalid-input.ts";
import { toolSchema } from "../tools/schemas.ts";
import { redactFile, type Journal } from "./journal.ts";
import { firstLine, firstLines, summary } from "./tool-words.ts";
import type { ContentBlock, Jobs, Message, Model, TurnResult } from "./ports.ts";
import type { RecordedTurn, Unfinished } from "./recorded.ts";
import type { Workspace } from "./workspace.ts";

export interface Conversation {
  ending: "done" | "turns_used_up" | "refused" | "cut_off" | "stuck";
  /** With `stuck`: how the model goes round in circles. */
  stuck: string | null;
  turns: number;
  toolCalls: number;
  /** A tool has written a file, be it as it was. */
  wrote: boolean;
  /** What an artifact tool handed in, checked against its schema; the last one wins. */
  artifact: unknown;
  /** What the last refused call of an artifact tool was answered; null where none was refused. */
  refusal: string | null;
}

export interface ConversationOptions {
  loop: Loop;
  workspace: Workspace;
  model: Model;
  jobs: Jobs;
  journal: Journal;
  /** Which tools it may use, and which model answers. */
  type: Pick<TypeDefinition, "tools" | "model">;
  pass: PassName | null;
  /** What accept_plan hands in; null where there is nothing to accept. */
  planSoFar: unknown;
  system: string;
  prompt: string;
  /** The commit that the worktree is at, of a loop that works in one. */
  begunOn: string | null;
  /** Where an interrupted conversation goes on; null: it begins. */
  recorded: Unfinished | null;
  /** Refuses an artifact that fits its schema and is still wrong: problems as sentences. */
  artifactProblems: (value: unknown) => string[];
  signal: AbortSignal;
  onTurn: (result: TurnResult) => void;
}

export async function converse(options: ConversationOptions): Promise<Conversation> {
  const { loop, journal, signal } = options;
  const names = options.type.tools.filter(isToolName);
  const messages: Message[] = [{ role: "user", content: [{ type: "text", text: options.prompt }] }];
  const conversation: Conversation = {
    ending: "turns_used_up",
    stuck: null,
    turns: 0,
    toolCalls: 0,
    wrote: false,
    artifact: null,
    refusal: null,
  };
  let circling = notCircling;
  /** True where the conversation is over with this turn. What was answered already is not asked of the tools again. */
  const take = async (turn: TurnResult, recorded: RecordedTurn | null): Promise<boolean> => {
    conversation.turns += 1;
    messages.push({ role: "assistant", content: turn.content });
    options.onTurn(turn);
    const calls = turn.content.filter((block) => block.type === "tool_use");
    if (calls.length === 0) {
      conversation.ending =
        turn.stop === "refusal" ? "refused" : turn.stop === "max_tokens" ? "cut_off" : "done";
      return true;
    }
    const noted = noteTurn(
      circling,
      calls.map((call) => ({ name: call.name, input: call.input, fitsSchema: fitsSchema(call, names) })),
    );
    circling = noted.circling;
    conversation.stuck = noted.stuck;
    let results: ContentBlock[] = [];
    for (const call of calls) {
      conversation.toolCalls += 1;
      if (recorded?.answers) await restore(call, recorded.answers, names, options, conversation);
      else if (recorded !== null && call.name === "run_command") results.push(cutOff(call));
      else results.push(await answer(call, names, options, conversation));
      signal.throwIfAborted();
    }
    if (recorded?.answers) results = recorded.answers;
    else journal.message({ role: "user", content: results });
    messages.push({ role: "user", content: results });
    if (conversation.stuck !== null) conversation.ending = "stuck";
    return conversation.stuck !== null;
  };
  if (options.recorded === null) journal.message({ ...messages[0], begun_on: options.begunOn });
  let isOver = false;
  const hear = (said: string) => {
    const content: ContentBlock[] = [{ type: "text", text: said }];
    const last = messages.at(-1);
    if (last?.role === "user") last.content = [...last.content, ...content];
    else messages.push({ role: "user", content });
    isOver = false;
    circling = notCircling;
  };
  for (const recorded of options.recorded?.turns ?? []) {
    isOver = await take(recorded.turn, recorded);
    recorded.said.forEach(hear);
  }
  for (const text of options.recorded?.unsaid ?? []) {
    hear(text);
    journal.message({ role: "user", content: [{ type: "text", text }], said: true });
  }
  if (isOver) return conversation;
  Object.assign(conversation, { ending: "turns_used_up", stuck: null });
  while (conversation.turns < loop.budget.turns) {
    const turn = await options.model.turn(
      {
        system: options.system,
        messages,
        tools: names.map(toolSchema),
        model: options.type.model,
        max_tokens: options.workspace.run.config.llm.max_tokens,
        timeout_ms: options.workspace.run.config.llm.timeout_s * 1000,
        loop: {
          id: loop.id,
          type: loop.loop_type,
          title: loop.title,
          iteration: loop.iteration,
          turn: conversation.turns + 1,
          pass: options.pass,
        },
      },
      signal,
      (text) => {
        journal.output("model", text);
      },
    );
    signal.throwIfAborted();
    journal.message({ role: "assistant", ...turn });
    if (await take(turn, null)) return conversation;
  }
  return conversation;
}

/** The command of a turn that the daemon did not see the end of: running it again could do it twice. */
function cutOff(call: ToolUse): ContentBlock {
  const content =
    "Interrupted: this command was ended before its outcome was known. It may have had its effect, in part or in whole: look before you run it again.";
  return { type: "tool_result", tool_use_id: call.id, content, is_error: true };
}

/** What a call that is answered already has left behind in the conversation; nothing is done again. */
async function restore(
  call: ToolUse,
  answers: readonly ContentBlock[],
  names: readonly ToolName[],
  options: ConversationOptions,
  conversation: Conversation,
): Promise<void> {
  const answered = answers.find((one) => one.type === "tool_result" && one.tool_use_id === call.id);
  const succeeded = answered?.type === "tool_result" && !answered.is_error;
  if (writingTools.has(call.name) && succeeded) conversation.wrote = true;
  if (!isArtifactTool(call.name)) return;
  const quiet = { ...options.journal, output: () => {} };
  await answer(call, names, { ...options, journal: quiet }, conversation);
}

const writingTools = new Set(["write_file", "edit_file"]);

function fitsSchema(call: ToolUse, names: readonly ToolName[]): boolean {
  if (!isToolName(call.name) || !names.includes(call.name)) return false;
  return z.safeParse(tools[call.name].parameters, call.input).success;
}

type ToolUse = Extract<ContentBlock, { type: "tool_use" }>;

async function answer(
  call: ToolUse,
  names: readonly ToolName[],
  options: ConversationOptions,
  conversation: Conversation,
): Promise<ContentBlock> {
  const result = (content: string, is_error: boolean): ContentBlock => {
    if (is_error) {
      // What a command printed has been shown as it came.
      const reason = call.name === "run_command" ? firstLine(content) : firstLines(content);
      options.journal.output("tool", `✗ ${call.name}: ${reason}\n`);
      if (isArtifactTool(call.name)) conversation.refusal = options.workspace.redact(content);
    }
    return { type: "tool_result", tool_use_id: call.id, content, is_error };
  };
  if (!isToolName(call.name) || !names.includes(call.name)) {
    return result(`Unknown tool: ${call.name}. The tools here are: ${names.join(", ")}.`, true);
  }
  const tool: Tool = tools[call.name];
  if (typeof call.input === "object" && call.input !== null && invalidJsonKey in call.input) {
    return result(
      `The parameters of ${call.name} were not valid JSON; nothing was done. Call it again.`,
      true,
    );
  }
  const parsed = z.safeParse(tool.parameters, call.input);
  if (!parsed.success) {
    return result(
      `The parameters of ${call.name} are not right; nothing was done.\n${z.prettifyError(parsed.error)}`,
      true,
    );
  }
  if (tool.accepts) {
    if (options.planSoFar === null) {
      return result("There is no plan to accept in this iteration: hand one in with create_plan.", true);
    }
    conversation.artifact = options.planSoFar;
    options.journal.output("tool", `• ${call.name}\n`);
    return result("Accepted.", false);
  }
  if (tool.artifact) {
    const problems = options.artifactProblems(parsed.data);
    if (problems.length > 0)
      return result(`Not accepted:\n${problems.map((line) => `- ${line}`).join("\n")}`, true);
    conversation.artifact = parsed.data;
    options.journal.output("tool", `• ${call.name}\n`);
    return result("Accepted.", false);
  }
  const ran = await runTool(call.name, tool, asRecord(parsed.data), options, result);
  if (writingTools.has(call.name) && ran.type === "tool_result" && ran.is_error !== true)
    conversation.wrote = true;
  return ran;
}

async function runTool(
  name: ToolName,
  tool: Tool,
  input: Record<string, unknown>,
  options: ConversationOptions,
  result: (content: string, isError: boolean) => ContentBlock,
): Promise<ContentBlock> {
  const { loop, workspace, journal } = options;
  const directory = workspace.workDir(loop.id);
  const spill_path = name === "run_command" ? join(journal.directory, "command.log") : undefined;
  journal.output("tool", `• ${name} ${summary(input)}\n`);
  const outcome = await options.jobs.run(
    {
      ...workspace.job(directory, "work"),
      loop_id: loop.id,
      iteration: loop.iteration,
      lane: tool.lane,
      tool: name,
      input,
      cwd: directory,
      timeout_ms: typeof input["timeout_ms"] === "number" ? input["timeout_ms"] : tool.timeoutMs,
      max_output_bytes: tool.outputBytesMax,
      net: false,
      unix_sockets: mayUseUnixSockets(workspace.run.config, "model"),
      spill_path,
    },
    options.signal,
    (_stream, text) => {
      journal.output("tool", text);
    },
  );
  if (spill_path !== undefined) await redactFile(spill_path, workspace.redact);
  const failed = outcome.status !== "success";
  const exit =
    name === "run_command" && outcome.exit_code !== null
      ? `exit code ${outcome.exit_code}\n`
      : failed
        ? `${outcome.status}\n`
        : "";
  return result(workspace.redact(`${exit}${outcome.output}`), failed);
}

function asRecord(value: unknown): Record<string, unknown> {
  return z.parse(z.record(z.string(), z.unknown()), value);
}
