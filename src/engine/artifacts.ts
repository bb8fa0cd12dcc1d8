// Artifacts between loops: what a child is told of its ancestors, and the children that an artifact asks for.
import {
  PhaseArtifact,
  PlanArtifact,
  renderPhase,
  renderPlan,
  renderSpec,
  SpecArtifact,
  type PlanSpec,
} from "../domain/artifacts.ts";
import type { Loop, LoopType } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { chosenLevels, typesOf } from "../domain/loop-types.ts";
import { childLoopId } from "../lib/ids.ts";
import { LooprError } from "../lib/errors.ts";
import { newLoop } from "./new-loop.ts";
import type { Parts } from "./parts.ts";

/** The artifact of a loop as markdown, for people and for its children's prompts; empty where there is none. */
export function renderArtifact(parts: Pick<Parts, "store">, loop: Loop): string {
  return artifactMarkdown(loop.loop_type, parts.store.artifact(loop.id));
}

/** The same of any version; empty where `value` is nothing. */
export function artifactMarkdown(type: LoopType, value: unknown): string {
  if (value === null || value === undefined) return "";
  switch (type) {
    case "plan":
      return renderPlan(PlanArtifact.parse(value));
    case "spec":
      return renderSpec(SpecArtifact.parse(value));
    case "phase":
      return renderPhase(PhaseArtifact.parse(value));
    case "code":
      return "";
  }
}

/** The artifacts of all ancestors, the root's first. A plan that runs again sees its own last version. */
export function inheritedContext(parts: Parts, loop: Loop): { title: string; markdown: string }[] {
  const context: { title: string; markdown: string }[] = [];
  for (let at = loop.parent_id; at !== null;) {
    const ancestor = parts.ledger.loop(at);
    context.unshift({
      title: `${ancestor.loop_type}: ${ancestor.title}`,
      markdown: renderArtifact(parts, ancestor),
    });
    at = ancestor.parent_id;
  }
  context.unshift(...(parts.ledger.loop(loop.root_id).context.inherited ?? []));
  const own = loop.iteration > 1 ? renderArtifact(parts, loop) : "";
  if (own !== "") context.push({ title: `your ${loop.loop_type} as you handed it in last`, markdown: own });
  return context;
}

interface ChildTask {
  name: string;
  description: string;
  levels: string[];
  dependsOn: number[];
  mayChange: string[];
}

/** The loops that follow from a complete plan, spec or phase, with their order. */
export function childrenOf(parts: Parts, loop: Loop): Loop[] {
  const tasks = childTasks(parts, loop);
  const run = parts.ledger.run(loop.root_id);
  // A person approves plans alone, and with `--yes` not even them.
  const isRead = loop.loop_type === "plan" && !run.approve;
  // Those of an earlier version are invalidated by now, and keep their numbers.
  const before = parts.ledger.childrenOf(loop.id).length;
  const ids = tasks.map((_task, index) => childLoopId(loop.id, before + index + 1));
  return tasks.map((task, index) => {
    const [type, ...below] = task.levels;
    if (type === undefined) {
      throw new LooprError("bad_levels", `${loop.loop_type} ${loop.id} has no level below it`);
    }
    return newLoop(run, {
      id: ids[index] ?? "",
      type,
      parent: loop,
      title: task.name,
      description: task.description,
      levels: below,
      dependsOn: task.dependsOn.flatMap((at) => ids[at] ?? []),
      mayChange: [...loop.context.may_change, ...(isRead ? task.mayChange : [])],
      unreadMayChange: [...(loop.context.unread_may_change ?? []), ...(isRead ? [] : task.mayChange)],
      now: parts.clock.now(),
    });
  });
}

function childTasks(parts: Parts, loop: Loop): ChildTask[] {
  const value = parts.store.artifact(loop.id);
  const acceptance = (items: readonly string[]) =>
    items.length > 0 ? `\n\nIt is done when:\n${items.map((item) => `- ${item}`).join("\n")}` : "";
  switch (loop.loop_type) {
    case "plan": {
      const { specs } = PlanArtifact.parse(value);
      return specs.map((spec) => ({
        name: spec.name,
        description: spec.description + acceptance(spec.acceptance),
        levels: levelsOfSpec(parts, loop, spec),
        dependsOn: spec.depends_on.map((name) => specs.findIndex((other) => other.name === name)),
        mayChange: spec.changes_tests,
      }));
    }
    case "spec":
      return SpecArtifact.parse(value).phases.map((phase, index) => ({
        name: phase.name,
        description: phase.description + acceptance(phase.acceptance),
        levels: loop.context.levels,
        dependsOn: index === 0 ? [] : [index - 1],
        mayChange: phase.changes_tests,
      }));
    case "phase": {
      const phase = PhaseArtifact.parse(value);
      const files = phase.files.length > 0 ? `\n\nFiles: ${phase.files.join(", ")}` : "";
      return [
        {
          name: phase.title,
          description: phase.instructions + files + acceptance(phase.acceptance),
          levels: loop.context.levels,
          dependsOn: [],
          mayChange: phase.changes_tests,
        },
      ];
    }
    case "code":
      return [];
  }
}

/** Where the person has said nothing for all of them, the plan says for each spec which way it goes. */
function levelsOfSpec(parts: Parts, plan: Loop, spec: PlanSpec): string[] {
  if (plan.context.levels.length > 0) return plan.context.levels;
  return chosenLevels(typesOf(parts.ledger.run(plan.root_id)), typeNameOf(plan), spec) ?? [];
}
