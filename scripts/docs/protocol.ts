// docs/protocol.md: methods, events and errors from src/protocol, described here.
import type * as z from "zod/mini";
import { PlanSpec } from "../../src/domain/artifacts.ts";
import { CheckResult, Evidence, IterationRecord } from "../../src/domain/evidence.ts";
import { Budget, Failure, Loop, LoopContext, LoopStatus, LoopType, RunState } from "../../src/domain/loop.ts";
import { RunOptions } from "../../src/domain/run-options.ts";
import { rpcCodes } from "../../src/protocol/errors.ts";
import { ephemeralEvents, events, type EventName } from "../../src/protocol/events.ts";
import {
  clientQueueBytesMax,
  clientsMaxDefault,
  heartbeatMs,
  lineBytesMax,
  protocolVersion,
} from "../../src/protocol/messages.ts";
import { Credentials, methods, unbuiltMethods, type MethodName } from "../../src/protocol/methods.ts";
import { requestIdMax } from "../../src/protocol/request.ts";
import { typeWriter } from "./types.ts";

const methodTexts: Readonly<Record<MethodName, string>> = {
  initialize:
    "Says who the client is, and hands over keys; the daemon says who it is. Optional, and any 1.x client is welcome.",
  ping: "Answered at once, whatever else goes on.",
  status: "The daemon's own state.",
  shutdown: "Checkpoints the running loops, then ends. `now` does not wait for them.",
  "daemon.drain":
    "Before a planned restart: running iterations come to their end, and no other begins. Asked again and again until nothing is at work; 10 s after the last time, or with `cancel`, everything goes on.",
  subscribe: "Events from here on; with `since` (a `seq`) the missed ones first, or `stream.gap`.",
  unsubscribe: "No more events.",
  "loop.list": "Loops, newest `updated_at` first. `project` is a directory or a project's hash.",
  "loop.get": "One loop.",
  "loop.create_plan":
    "Creates a run. `project` is any directory in the checkout, `initialize.cwd` by default.",
  "loop.replay":
    "Creates a run that begins where a loop was before its iteration `from`: same commits, feedback and artifacts, with another `model` where one is given. It is not merged by itself.",
  "loop.start": "Starts a pending loop.",
  "loop.pause": "Pauses a loop and its descendants.",
  "loop.resume": "Resumes a paused, stalled or failed loop.",
  "loop.budget":
    "Raises bounds: a loop's own, with a root the run's, and what a loop below it has paused at; bounds further up only as far as the loop can then use what it was given. What waits for it is then resumed by `loop.resume`.",
  "loop.cancel": "Cancels a loop and its descendants. Its branch stays.",
  "loop.signal":
    "Sends a signal to every loop that one of the selectors means, and to what is below it: `stop` (cancel), `pause`, `resume`, `rebase` (onto the run's branch as it is, at the next safe point), `invalidate` (it runs again; what is below it no longer counts). A selector is an id, `descendants:<id>`, `children:<id>`, `type:<type>` or `status:<status>`, several joined by commas where all have to hold. With `project`, a directory in it, selectors without an id mean loops of that project alone. The answer comes when the signal has been acted on, and names the loops that it did something to; where there are none it is an error. It is stored before it is acted on, and survives the daemon.",
  "loop.delete": "Forgets an ended run. Its branch stays.",
  "loop.events": "The stored events of a loop and its descendants.",
  "loop.iterations":
    "Iteration records and evidence of a loop, in pages where they are large: `cursor` is null or absent on the last.",
  "loop.record":
    "Everything on record of one iteration: its record and evidence, and its files (prompt, conversation, logs) in pages; a file goes on in the next piece where `more` is true.",
  "loop.diff": "What a loop changed, as a unified diff.",
  "loop.output": "The tail of what an iteration said and ran.",
  "run.export":
    "Everything on record of the run that a loop belongs to, in pages of some 256 KiB: [export.md](export.md). The last page's `cursor` is null.",
  "plan.get_preview": "The plan, rendered and structured.",
  "plan.edit":
    "Stores a person's version of the plan that waits. `version` is the one that was edited: where another has come since, the answer is 1002.",
  "plan.approve":
    "Approves a plan that waits: its children start. With `version`, only if that one is still the newest.",
  "plan.reject": "Rejects a plan: it has failed.",
  "plan.iterate":
    "Sends a plan back with feedback. One that was approved already only where the client says that it knows: what followed from it is invalidated.",
  "plan.merge": "Merges a verified run. The outcome comes as a `merge.*` event.",
  "plan.undo":
    "Takes a merged run back by a commit on the target, its check run before. Answers when that is done; asked for once, it survives the daemon's end.",
  "report.get":
    "What happened in a project since the last look, which this becomes; with `since` (milliseconds since 1970) since then, and the last look stays. Without `project`: in all of them.",
  "judge.stats":
    "How often the judge's verdicts agree with what the checks and the person said of the same work: a row for each type of loop and model. `pass_yes`: the judge passed it, and the other said yes. Without `project`: of all projects.",
  "evidence.verify":
    "Runs the check that a merged commit's note records again, on that commit in a clean checkout, and says whether it came to the same outcome. Answers when the check has ended.",
  "chat.send": "A message to the assistant.",
  "chat.cancel": "Ends the reply under way.",
  "chat.clear": "Forgets the conversation.",
  "metrics.get":
    "Counters over all loops; `tools`: by name, how often a tool ran since the daemon started (`count`, `failed`) and for how long (`total_ms`, `max_ms`).",
};

const eventTexts: Readonly<Record<EventName, string>> = {
  "loop.created": "A new loop.",
  "loop.updated": "A loop as it is now.",
  "loop.deleted": "A loop that is gone, as it was.",
  "loop.iteration": "An iteration has ended.",
  "loop.output": "What the model says, or a tool or check prints, as it happens.",
  "loop.artifact": "A plan, spec or phase has been handed in.",
  "loop.recovered": "A loop goes on after a crash.",
  "plan.awaiting_approval": "A plan waits at the gate.",
  "records.pruned": "The iteration records of an ended run were removed, as the configuration says.",
  "plan.edited": "A person has stored a new version of the plan that waits.",
  "plan.approved": "A plan was approved.",
  "plan.rejected": "A plan was rejected.",
  "loop.retried": "A child has failed, and its parent starts it afresh; why it failed.",
  "target.moved":
    "The target has moved under a running plan. `outcome`: `rebased` (the run's branch is on top of it), `pause`, or `kept` (the run meets it at its end; `message` says why).",
  "merge.started": "A run is being brought onto its target.",
  "merge.completed": "It is there.",
  "merge.conflict": "It is not: why, and what to do.",
  "undo.completed": "A merged run was taken back.",
  "undo.blocked": "It could not be, with the command to run.",
  "run.warning": "The run goes on, and its person should know this. Told once.",
  "daemon.stopping": "The daemon is about to end.",
  "stream.heartbeat": "Nothing happened, and the connection is alive.",
  "stream.gap": "Events were dropped: ask for the state again.",
  error: "Something failed that belongs to no request.",
};

const errorTexts: Readonly<Record<keyof typeof rpcCodes, string>> = {
  parse: "the line is no JSON object of the right shape; id 0",
  invalidRequest: "the line is too long; the connection is closed",
  unknownMethod: "no such method",
  invalidParams: "names the parameter",
  internal: "a fault of the daemon; its log says more",
  loopNotFound: "no such loop",
  invalidState: "says the state it is in, and what it would need",
  notPermitted: "refused",
  versionMismatch: "`data` holds `client_version` and `daemon_version`",
  busy: "a limit is reached",
  notAvailable: "not built, or something is missing: says what",
};

const namedTypes = new Map<string, z.core.$ZodType>(
  Object.entries({
    Loop,
    LoopDetail: methods["loop.get"].result.shape.loop,
    LoopType,
    LoopStatus,
    RunState,
    LoopContext,
    Failure,
    Budget,
    PlanSpec,
    IterationRecord,
    Evidence,
    CheckResult,
    RunOptions,
    Credentials,
  }),
);

export function protocolPage(): string {
  const types = typeWriter(namedTypes);
  const methodSections = Object.entries(methods).map(([name, { params, result }]) => {
    const known = name as MethodName;
    const text = methodTexts[known] + (unbuiltMethods.has(known) ? " **Not built yet: answers 1006.**" : "");
    return `### \`${name}\`\n\n${text}\n\n\`\`\`\nparams  ${types.line(params)}\nresult  ${types.line(result)}\n\`\`\`\n`;
  });
  const eventRows = Object.entries(events).map(([name, data]) => {
    const known = name as EventName;
    const type = types.line(data).replaceAll("|", "\\|");
    return `| \`${name}\` | ${type} | ${ephemeralEvents.has(known) ? "no" : "yes"} | ${eventTexts[known]} |`;
  });
  const errorRows = Object.entries(rpcCodes).map(([name, code]) => {
    return `| ${code} | ${errorTexts[name as keyof typeof rpcCodes]} |`;
  });
  const typeTables = [...namedTypes].map(([name, schema]) => {
    const rows = types.fields(schema).map((field) => {
      const type = field.type.replaceAll("|", "\\|");
      return `| \`${field.name}\` | ${type} | ${field.required ? "" : "optional"} |`;
    });
    if (!rows.length) return `### ${name}\n\n\`\`\`\n${types.definition(schema)}\n\`\`\`\n`;
    return `### ${name}\n\n| field | type | |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  const parts: Record<string, string> = {
    "%methods": methodSections.join("\n"),
    "%events": eventRows.join("\n"),
    "%errors": errorRows.join("\n"),
    "%types": typeTables.join("\n"),
  };
  return Object.entries(parts).reduce((text, [mark, part]) => text.replace(mark, () => part), page);
}

const page = `# The client protocol, ${protocolVersion}

<!-- Generated by \`npm run docs\` from src/protocol/. Change it there, or in scripts/docs/. -->

UTF-8 JSON Lines on the daemon's Unix socket (\`~/.loopr/daemon.sock\`, or where \`daemon.json\` beside it says):
one object and \`\\n\` a message.

\`\`\`
request   {"id":1,"method":"ping","params":{}}
response  {"id":1,"result":{"pong":true}}
          {"id":1,"error":{"code":-32601,"message":"Unknown method: foo"}}
event     {"event":"loop.updated","data":{…},"seq":17}
\`\`\`

- \`id\` is an unsigned integer, ${requestIdMax} (2^53-1) at most; a higher one gets error -32700 with id 0.
- \`params\` may be absent. A response has exactly one of \`result\` and \`error\`.
- Events go only to connections that have subscribed. A stored event carries \`seq\`, which grows by one.
- Requests of one connection are handled concurrently. No method requires \`initialize\` first.
- \`null\` counts as absent. What a client does not know it ignores.
- A line has at most ${lineBytesMax} bytes. A client whose unread output passes ${clientQueueBytesMax} bytes is cut off.
  ${clientsMaxDefault} clients at most; one more gets error 1005, then the close.
- Subscribers get \`stream.heartbeat\` every ${heartbeatMs / 1000} seconds.

## Methods

%methods

## Events

| event | data | stored | |
| --- | --- | --- | --- |
%events

## Errors

\`data.reason\` is a word for programs and \`data.hint\` says what to do, where there is something.

| code | meaning |
| --- | --- |
%errors

## Types

%types`;
