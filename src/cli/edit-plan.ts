// A plan in the person's editor, until it is sound, unchanged, or left as it is; then stored as a new version.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Client } from "../client/types.ts";
import type { PlanArtifact } from "../domain/artifacts.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import { parsePlanFile, renderPlanFile, withProblems, type PlanProblem } from "./plan-file.ts";
import { reconnected } from "./session.ts";

/** So often is the editor opened for one plan. */
const roundsMax = 10;

/** The newest version of a plan, as it was handed out. */
export interface PlanText {
  id: string;
  version: number;
  text: string;
}

/** Throws `invalid_state` where the loop is no plan that waits for approval. */
export async function readPlan(client: Client, id: string, short: string): Promise<PlanText> {
  const { plan, specs, status } = await client.call("plan.get_preview", { id });
  if (!plan || status !== "awaiting_approval") {
    const what = plan ? `plan ${id} is ${status.replaceAll("_", " ")}` : `${id} asks about protected files`;
    throw new LooprError(
      "invalid_state",
      `${what}; a plan can be edited while it waits for approval`,
      `loopr status ${id} shows how it stands`,
    );
  }
  const { title, summary, version } = plan;
  const levels = plan.levels === "auto" ? "auto" : plan.levels.join(",");
  return { id, version, text: renderPlanFile({ title, summary, specs }, { id: short, version, levels }) };
}

/**
 * The version stored; null where the person has changed nothing. Whatever was typed and could not be stored stays
 * in its file, which the failure names.
 */
export async function editPlan(
  client: Client,
  original: PlanText,
  short: string,
  edit: (file: string) => Promise<void>,
): Promise<number | null> {
  const file = join(mkdtempSync(join(tmpdir(), "loopr-edit-")), `plan-${short}.yml`);
  let text = original.text;
  for (let round = 1; ; round++) {
    writeFileSync(file, text, { mode: 0o600 });
    try {
      await edit(file);
    } catch (error) {
      if (readFileSync(file, "utf8") === original.text) discard(file);
      throw error;
    }
    const typed = readFileSync(file, "utf8");
    const parsed = parsePlanFile(typed);
    if (typed === original.text || parsed.kind === "empty") {
      discard(file);
      return null;
    }
    if (parsed.kind === "plan") {
      const version = await keeping(file, short, () => storePlan(client, original, parsed.plan));
      discard(file);
      return version;
    }
    // Closed as it was shown, with its problems: the person leaves it at that. An editor that is a script never does.
    if (typed === text || round === roundsMax) throw kept(file, short, invalidPlan(file, parsed.problems));
    text = withProblems(typed, parsed.problems);
  }
}

/** Stores it unless another version has come before it. Asked again where the connection was lost meanwhile. */
export async function storePlan(client: Client, original: PlanText, plan: PlanArtifact): Promise<number> {
  const { id, version } = original;
  for (let attempt = 0; ; attempt++) {
    try {
      return (await client.call("plan.edit", { id, version, plan })).version;
    } catch (error) {
      const lost = error instanceof LooprError && error.code === "connection_lost";
      if (lost && (await reconnected(client))) continue;
      const perhapsOurs = attempt > 0 && error instanceof RpcError && error.reason === "plan_changed";
      const stored = perhapsOurs ? await storedAs(client, id, plan) : null;
      if (stored === null) throw error;
      return stored;
    }
  }
}

/** The newest version where it is this very plan: the connection was lost after it had been stored. */
async function storedAs(client: Client, id: string, ours: PlanArtifact): Promise<number | null> {
  const { plan, specs } = await client.call("plan.get_preview", { id });
  if (!plan) return null;
  const newest = { title: plan.title, summary: plan.summary, specs };
  return JSON.stringify(newest) === JSON.stringify(ours) ? plan.version : null;
}

export function invalidPlan(file: string, problems: readonly PlanProblem[]): LooprError {
  const told = problems.map(({ line, message }) => (line === null ? message : `line ${line}: ${message}`));
  return new LooprError("plan_invalid", `${file} is no sound plan: ${told.join("; ")}`, "");
}

async function keeping<T>(file: string, short: string, store: () => Promise<T>): Promise<T> {
  try {
    return await store();
  } catch (error) {
    throw kept(file, short, error);
  }
}

function kept(file: string, short: string, error: unknown): unknown {
  const hint = `nothing was stored; what you have written is in ${file}: loopr edit ${short} --file ${file}`;
  if (error instanceof LooprError) return new LooprError(error.code, error.message, hint, { cause: error });
  if (error instanceof RpcError) return new RpcError(error.code, error.message, { ...error.data, hint });
  return error;
}

function discard(file: string): void {
  rmSync(dirname(file), { recursive: true, force: true });
}
