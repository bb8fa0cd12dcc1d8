// Prompt templates that people wrote: `.loopr/prompts/<type>.md` of the project, `prompts/<type>.md` beside the
// user's own configuration. The nearest wins; one that is not right is an error, never passed over.
import { join } from "node:path";
import { builtInPrompts } from "../domain/built-in-prompts.ts";
import { loopTypes } from "../domain/loop-states.ts";
import type { LoopType } from "../domain/loop.ts";
import { builtInSource } from "../domain/loop-types.ts";
import { parseTemplate, type PromptTemplate } from "../domain/prompt-template.ts";
import { LooprError } from "../lib/errors.ts";
import { readSmallFile } from "./read.ts";

export interface SourcedPrompt extends PromptTemplate {
  /** The file, or `built in`. */
  source: string;
}

/** Looks in these directories, the nearest first. */
export type PromptDirectories = readonly string[];

/**
 * The template of that name, for loops of a built-in type; null where there is none. Throws `config_invalid`
 * naming file and line.
 */
export function promptNamed(
  name: string,
  type: LoopType,
  directories: PromptDirectories,
): SourcedPrompt | null {
  for (const directory of directories) {
    const path = join(directory, `${name}.md`);
    const text = readSmallFile(path);
    if (text === null) continue;
    const { template, problems } = parseTemplate(text, type);
    if (problems.length === 0) return { ...template, source: path };
    throw new LooprError(
      "config_invalid",
      problems.map(({ line, message }) => `${path}:${line}: ${message}`).join("\n"),
      "loopr help loop-types describes templates; `loopr prompts export` writes the built-in ones",
    );
  }
  const builtIn = loopTypes.find((known) => known === name);
  if (builtIn === undefined) return null;
  return { ...parseTemplate(builtInPrompts[builtIn], builtIn).template, source: builtInSource };
}
