// The types of loops that there are in a directory: the built-in ones, the person's and the project's.
import { loadConfig } from "../config/load.ts";
import { loadTypes, type LoadedTypes } from "../config/types.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import type { CliContext } from "./context.ts";
import { openProject } from "./project.ts";

/** Throws `config_invalid`. */
export async function typesHere(context: Pick<CliContext, "cwd" | "config">): Promise<LoadedTypes> {
  const places = { env: process.env, projectRoot: await projectRoot(context.cwd) };
  const { config } = loadConfig({
    ...places,
    // The project's configuration chooses no template, and may not be trusted yet.
    projectRoot: null,
    projectHash: "",
    dataDir: defaultDataDir(),
    explicit: context.config,
  });
  return loadTypes(config, places);
}

async function projectRoot(cwd: string): Promise<string | null> {
  try {
    return (await openProject(cwd)).root;
  } catch (error) {
    if (error instanceof LooprError && error.code === "not_a_repository") return null;
    throw error;
  }
}
