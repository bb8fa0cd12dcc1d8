// The gate: what passes waits here where a person decides, and goes on as the person says.
import { isDeepStrictEqual } from "node:util";
import { PlanArtifact, planProblems } from "../domain/artifacts.ts";
import type { IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { askedText } from "./asked.ts";
import { childrenOf, renderArtifact } from "./artifacts.ts";
import { LooprError } from "../lib/errors.ts";
import type { Core } from "./core.ts";
import { typeProblems } from "./type-problems.ts";
import { requireEditable, requireNewest } from "./refusals.ts";
import type { ClosedIteration } from "./iteration-record.ts";

export class Gate {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** A loop has passed: a plan waits for the person, everything else is complete. */
  passed(id: string, change: ClosedIteration): void {
    const loop = this.#core.ledger.loop(id);
    if (loop.loop_type !== "plan") {
      this.#core.perform(
        this.#core.ledger.apply(
          id,
          { kind: "pass" },
          { change, ...(loop.loop_type !== "code" && { created: childrenOf(this.#core.parts, loop) }) },
        ),
      );
      return;
    }
    const plan = PlanArtifact.parse(this.#core.parts.store.artifact(id));
    const data = { id, content: renderArtifact(this.#core.parts, loop), specs: plan.specs };
    this.#core.ledger.apply(
      id,
      { kind: "pass" },
      {
        patch: { progress: `plan with ${plan.specs.length} specs`, title: plan.title },
        change: {
          ...change,
          events: [...change.events, { event: "plan.awaiting_approval", loop_id: id, root_id: id, data }],
        },
      },
    );
    this.approveAsTold(loop);
  }

  /** The loop waits until a person has decided about the protected files that it changed. */
  asked(id: string, files: string[], change: ClosedIteration): void {
    const loop = this.#core.ledger.loop(id);
    if (loop.status !== "running") return; // a person was quicker
    const data = { id, content: askedText(loop, files), specs: [] };
    this.#core.ledger.apply(
      id,
      { kind: "ask", files },
      {
        patch: { progress: `passes only with changed protected files: ${files.join(", ")}` },
        change: {
          ...change,
          events: [
            ...change.events,
            { event: "plan.awaiting_approval", loop_id: id, root_id: loop.root_id, data },
          ],
        },
      },
    );
  }

  /** `--yes`: the person has approved whatever the plan will be. */
  approveAsTold(plan: Loop): void {
    if (this.#core.ledger.run(plan.root_id).approve) this.#spawn(plan, []);
  }

  /**
   * Stores a person's version of the plan that waits, and returns its number. `version` is the one that was
   * edited: where another is the newest by now, nothing is stored.
   */
  edit(id: string, version: number, plan: PlanArtifact): number {
    const { ledger, parts } = this.#core;
    const loop = ledger.loop(id);
    requireEditable(loop);
    const newest = requireNewest(parts, loop, version);
    const problems = [...planProblems(plan), ...typeProblems(plan, parts, loop)];
    if (problems.length > 0) throw new LooprError("plan_invalid", problems.join(" "), "nothing was stored");
    if (isDeepStrictEqual(newest.value, plan)) return newest.version;
    const edited = {
      loop_id: id,
      version: newest.version + 1,
      author: "person" as const,
      iteration: loop.iteration,
      at: parts.clock.now(),
      value: plan,
    };
    const data = { id, version: edited.version };
    ledger.update(
      id,
      { title: plan.title, progress: `plan with ${plan.specs.length} specs, edited by a person` },
      {
        change: {
          artifacts: [edited],
          events: [{ event: "plan.edited", loop_id: id, root_id: loop.root_id, data }],
        },
      },
    );
    return edited.version;
  }

  /** Returns how many children were made. `version`: the one that the person has seen; null for the newest. */
  approve(id: string, version: number | null = null): number {
    const loop = this.#core.ledger.loop(id);
    if (loop.context.asked) return this.#allow(loop, loop.context.asked);
    if (loop.status !== "awaiting_approval") this.#core.ledger.apply(id, { kind: "approve" }); // refuses, saying why
    if (version !== null) requireNewest(this.#core.parts, loop, version);
    return this.#spawn(loop, this.#decided(id, "approved"));
  }

  /** The plan is approved: its children come into being. */
  #spawn(loop: Loop, iterations: IterationRecord[]): number {
    const { id } = loop;
    const created = childrenOf(this.#core.parts, loop);
    const data = { id, specs_spawned: created.length };
    this.#core.perform(
      this.#core.ledger.apply(
        id,
        { kind: "approve" },
        {
          created,
          change: {
            iterations,
            events: [{ event: "plan.approved", loop_id: id, root_id: loop.root_id, data }],
          },
        },
      ),
    );
    return created.length;
  }

  /** What the person decided is kept with the iteration that made the plan; one that they edited is their own. */
  #decided(id: string, decision: NonNullable<IterationRecord["decision"]>): IterationRecord[] {
    const { store } = this.#core.parts;
    const record = store.iterations(id).at(-1);
    const theirs = store.artifacts(id).at(-1)?.author === "person";
    return record && !theirs ? [{ ...record, decision }] : [];
  }

  /** The person lets the loop change these protected files: its work passes as it is. */
  #allow(loop: Loop, files: string[]): number {
    const { id, context, root_id } = loop;
    const record = this.#core.parts.store.iterations(id).at(-1);
    const passed = { outcome: "passed", feedback: null } as const;
    this.#core.perform(
      this.#core.ledger.apply(
        id,
        { kind: "approve" },
        {
          patch: {
            progress: "passed, with your permission",
            context: { ...context, may_change: [...context.may_change, ...files] },
          },
          change: {
            iterations: record ? [{ ...record, ...passed }] : [],
            events: [{ event: "plan.approved", loop_id: id, root_id, data: { id, specs_spawned: 0 } }],
          },
        },
      ),
    );
    return 0;
  }

  /** A plan has failed with that; a question about protected files goes back to its loop as feedback. */
  reject(id: string, reason: string): void {
    const { asked } = this.#core.ledger.loop(id).context;
    if (asked) {
      const why = reason ? `: ${reason}` : "";
      this.iterate(
        id,
        `A person has refused your changes to ${asked.join(", ")}${why}. ` +
          "Put these files back as they were and make the code pass the check with them so.",
      );
      return;
    }
    const events = [
      {
        event: "plan.rejected",
        loop_id: id,
        root_id: this.#core.ledger.loop(id).root_id,
        data: { id, reason },
      },
    ];
    const iterations = this.#decided(id, "rejected");
    this.#core.perform(
      this.#core.ledger.apply(id, { kind: "reject", reason }, { change: { iterations, events } }),
    );
  }

  iterate(id: string, feedback: string): void {
    const loop = this.#core.ledger.loop(id);
    const entry = { iteration: loop.iteration, layer: "person", text: feedback };
    // A person asks for another iteration: the bound must not refuse it.
    const max_iterations = Math.max(loop.max_iterations, loop.iteration + 1);
    const context = { ...loop.context, feedback: [...loop.context.feedback, entry] };
    const iterations = loop.loop_type === "plan" ? this.#decided(id, "sent_back") : [];
    this.#core.perform(
      this.#core.ledger.apply(
        id,
        { kind: "iterate" },
        { patch: { context, max_iterations }, change: { iterations } },
      ),
    );
  }
}
