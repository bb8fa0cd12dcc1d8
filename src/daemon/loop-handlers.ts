// The loop, plan and metrics methods: parameters in, engine called, result out.
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { Git } from "../engine/git-port.ts";
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { PlanArtifact } from "../domain/artifacts.ts";
import { askedText, diffOfFiles } from "../engine/asked.ts";
import { renderArtifact } from "../engine/artifacts.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { MethodName, Params, Result } from "../protocol/methods.ts";
import { createRun, type CreateRunNeeds } from "./create-run.ts";
import { exportPage } from "./export-page.ts";
import type { Caller, Handlers } from "./handlers.ts";
import { diffOf, outputOf, recordPage, secretsOf } from "./loop-views.ts";
import { fitting, iterationsPage, loopsPage } from "./pages.ts";
import { statsOfJudge } from "./judge-stats.ts";
import { metrics } from "./metrics.ts";
import { replayRun } from "./replay-run.ts";
import { report } from "./report.ts";
import { signalLoops } from "./signal-handler.ts";
import type { ToolCount } from "./tool-counts.ts";
import { verify } from "./verify.ts";

export interface LoopHandlerNeeds extends CreateRunNeeds {
  engine: Engine;
  store: Store;
  git: Git;
  startedAt: number;
  toolCounts: () => Record<string, ToolCount>;
  /** Starts what the first tool call of a run would have to wait for. */
  warmUp(): void;
  /** The key that pays for a run: its own while somebody has brought it, else the one that the caller holds. */
  credentialsFor(run: Run, caller: Caller): Run["credentials"];
}

export function loopHandlers(needs: LoopHandlerNeeds): Handlers {
  const { engine, store } = needs;
  const { ledger } = engine;
  const answered = (handlers: Handlers) => answeredWith(handlers, (params) => withoutKeys(params, needs));
  return {
    ...answered({
      "loop.list": async (params) => loopsPage(await list(needs, params), params.cursor),
      "loop.get": ({ id }) => {
        const loop = ledger.loop(id);
        const { description } = loop.context;
        const bounds = engine.parts.spending.bounds(id);
        const run = ledger.run(loop.root_id);
        const may_change = [...new Set([...run.may_change, ...loop.context.may_change])];
        const commit = loop.parent_id === null ? (run.merged_commit ?? run.verified_commit) : null;
        return { loop: { ...loop, description, iterations: loop.iteration, bounds, may_change, commit } };
      },
      "loop.create_plan": async (params, caller) => {
        const { run, root, bounds } = await createRun(params, caller, needs);
        engine.create(run, root);
        needs.warmUp();
        return { id: run.id, status: "created", warnings: run.warnings, bounds };
      },
      "loop.replay": async (params, caller) => {
        const created = await replayRun(params, caller, needs);
        needs.warmUp();
        return created;
      },
      "loop.start": async ({ id }) => {
        const loop = ledger.loop(id);
        if (loop.status !== "pending" && loop.status !== "running") await engine.signals.send("resume", [id]);
        return { started: true };
      },
      "loop.pause": async ({ id }) => {
        await engine.signals.send("pause", [id]);
        return { paused: true };
      },
      "loop.resume": async ({ id, may_change, feedback }, caller) => {
        await engine.signals.send("resume", [id], {
          mayChange: may_change ?? [],
          feedback: feedback?.trim() || null,
          credentialsFor: (run) => needs.credentialsFor(run, caller),
        });
        return { resumed: true };
      },
      "loop.budget": ({ id, add_usd, add_tokens, add_minutes, add_iterations }) => {
        const { budget_usd, cost_usd } = engine.signals.raiseBounds(id, {
          ...(add_usd && { usd: add_usd }),
          ...(add_tokens && { tokens: add_tokens }),
          ...(add_minutes && { minutes: add_minutes }),
          ...(add_iterations && { iterations: add_iterations }),
        });
        return { budget_usd, cost_usd, bounds: engine.parts.spending.bounds(id) };
      },
      "loop.cancel": async ({ id }) => {
        await engine.signals.send("stop", [id]);
        return { cancelled: true };
      },
      "loop.signal": (params, caller) => signalLoops(params, caller, needs),
      "loop.delete": async ({ id }) => {
        await engine.delete(id);
        return { deleted: true };
      },
      "loop.events": ({ id, since }) => {
        ledger.loop(id);
        // The oldest of a long life may be gone: what there is still tells how it went on.
        const events = store.events(since ?? 0, { loop_id: id, limit: 1000, evenAfterGap: true }) ?? [];
        return { events: fitting(events.map(({ seq, event, data, at }) => ({ seq, event, data, at }))).page };
      },
      "loop.iterations": ({ id, cursor }) => {
        ledger.loop(id);
        return iterationsPage(store.iterations(id), store.evidence(id), cursor);
      },
      "loop.record": ({ id, iteration, cursor }) =>
        recordPage(needs, ledger.loop(id), iteration, cursor ?? null),
      "loop.diff": ({ id, iteration }) => diffOf(needs, ledger.loop(id), iteration ?? null),
      "loop.output": ({ id, iteration }) => outputOf(needs, ledger.loop(id), iteration ?? null),
    }),
    ...answered({
      "run.export": (params) =>
        exportPage(params, {
          ledger,
          store,
          projectDir: (hash) => engine.parts.projectDir(hash),
          secrets: secretsOf(engine.parts, ledger.loop(params.id)),
        }),
      "plan.get_preview": async ({ id }) => (await question(needs, id)) ?? preview(needs, ledger.loop(id)),
      "plan.edit": ({ id, version, plan }) => ({
        edited: true,
        version: engine.gate.edit(id, version, plan),
      }),
      "plan.approve": ({ id, version }) => ({
        approved: true,
        specs_spawned: engine.gate.approve(id, version ?? null),
      }),
      "plan.reject": ({ id, reason }) => {
        engine.gate.reject(id, reason ?? "");
        return { rejected: true };
      },
      "plan.iterate": async ({ id, feedback, approved }) => {
        const { loop_type, status } = ledger.loop(id);
        const again = approved === true && loop_type === "plan" && status === "complete";
        if (again) await engine.signals.send("invalidate", [id], { feedback });
        else engine.gate.iterate(id, feedback);
        return { iterated: true, feedback_received: true };
      },
      "plan.merge": ({ id }) => {
        engine.merge(id);
        return { merging: true };
      },
      "report.get": (params) => report(params, needs),
      "plan.undo": async ({ id, again }) => {
        const undone = await engine.undo(id, again === true);
        const checked = store.evidence(ledger.loop(id).root_id).findLast(({ stage }) => stage === "undo");
        const verified = checked !== undefined && checked.verified && checked.checks.length > 0;
        return { undone: true, ...undone, verified };
      },
      "judge.stats": (params) => statsOfJudge(params, needs),
      "evidence.verify": (params, caller) => verify(params, caller, needs),
      "metrics.get": () => metrics(needs),
    }),
  };
}

async function list(needs: LoopHandlerNeeds, params: Params<"loop.list">): Promise<Loop[]> {
  const { ledger } = needs.engine;
  const hash = params.project ? await needs.git.projectOf(params.project) : null;
  return ledger
    .all()
    .filter(
      (loop) =>
        (hash === null || ledger.run(loop.root_id).project.hash === hash) &&
        (!params.status || loop.status === params.status) &&
        (!params.type || loop.loop_type === params.type || loop.type_name === params.type),
    );
}

/** What a code loop asks about, with the diff; null where it asks nothing. */
async function question(needs: LoopHandlerNeeds, id: string): Promise<Result<"plan.get_preview"> | null> {
  const loop = needs.engine.ledger.loop(id);
  const { asked } = loop.context;
  if (!asked || loop.status !== "awaiting_approval") return null;
  const { diff } = await diffOf(needs, loop, null);
  const content = `${askedText(loop, asked)}\n\`\`\`diff\n${diffOfFiles(diff, asked)}\`\`\`\n`;
  return { id, content, specs: [], status: loop.status };
}

function preview(needs: LoopHandlerNeeds, loop: Loop): Result<"plan.get_preview"> {
  const newest = needs.store.artifacts(loop.id).at(-1);
  if (loop.loop_type !== "plan" || newest === undefined) {
    throw new LooprError(
      "invalid_state",
      `${loop.loop_type} ${loop.id} is ${loop.status} and has no plan to show yet`,
    );
  }
  const { version, author, at } = newest;
  const { title, summary, specs } = PlanArtifact.parse(newest.value);
  const { levels } = needs.engine.ledger.run(loop.root_id);
  return {
    id: loop.id,
    content: renderArtifact(needs, loop),
    specs,
    status: loop.status,
    plan: { title, summary, version, author, at, levels },
  };
}

/** What a person says is stored: a key among it is not. The task and its options `createRun` looks at. */
const said = ["feedback", "reason", "plan"] as const;

function withoutKeys<P extends object>(params: P, { keyring }: LoopHandlerNeeds): P {
  const found = Object.entries(params).filter(([name]) => said.some((one) => one === name));
  return { ...params, ...Object.fromEntries(keyring.redactAll(found)) };
}

/** Gives every handler the same translation of failures to the wire's codes. */
function answeredWith(handlers: Handlers, clean: <P extends object>(params: P) => P): Handlers {
  const wrap =
    <M extends MethodName>(handler: (params: Params<M>, caller: Caller) => Promise<Result<M>> | Result<M>) =>
    async (params: Params<M>, caller: Caller): Promise<Result<M>> => {
      try {
        return await handler(clean(params), caller);
      } catch (error) {
        throw error instanceof LooprError ? refusalOf(error) : error;
      }
    };
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, wrap(handler as Parameters<typeof wrap>[0])]),
  );
}

const codes: Readonly<Record<string, number>> = {
  loop_not_found: rpcCodes.loopNotFound,
  invalid_state: rpcCodes.invalidState,
  no_model: rpcCodes.notAvailable,
  no_sandbox: rpcCodes.notAvailable,
  not_trusted: rpcCodes.notPermitted,
  config_invalid: rpcCodes.invalidParams,
  plan_invalid: rpcCodes.invalidParams,
  bad_levels: rpcCodes.invalidParams,
  bad_target: rpcCodes.invalidParams,
};

function refusalOf(error: LooprError): RpcError {
  return new RpcError(codes[error.code] ?? rpcCodes.invalidState, error.message, {
    reason: error.code,
    hint: error.hint,
  });
}
