// The adapter of the engine's `Git` port: the real git program, hardened (exec.ts).
import type { Git } from "../engine/git-port.ts";
import { type Environment } from "./exec.ts";
import { nothingKnown } from "./facts.ts";
import { locateProject } from "./locate.ts";
import { checkReopened, findRepository, hasRepositoryAbove, noRepository } from "./open.ts";
import { createRepository } from "./repository.ts";
import { gitVersion } from "./version.ts";

/**
 * `environment` says where the person's configuration is (HOME, XDG_CONFIG_HOME) and where programs are
 * (PATH); nothing else of it reaches git.
 */
export function createGit(environment: Environment = process.env): Git {
  const known = nothingKnown();
  let usable: Promise<string> | null = null;
  // Asked once; a failure is asked again, so that installing git helps a running daemon.
  const checkVersion = () => {
    usable ??= gitVersion(environment).catch((error: unknown) => {
      usable = null;
      throw error;
    });
    return usable;
  };
  return {
    open: async (directory) => {
      await checkVersion();
      const { project, ...place } = await findRepository(environment, directory);
      return { repository: createRepository(environment, project, known), ...place };
    },
    projectOf: async (directory) => {
      const located = await locateProject(directory);
      if (located !== null) return located;
      // Starting git to be told so is a third of what `loopr list` takes.
      if (!(await hasRepositoryAbove(directory).catch(() => true))) throw noRepository(directory);
      await checkVersion();
      return (await findRepository(environment, directory)).project.hash;
    },
    reopen: async (project) => {
      await checkVersion();
      await checkReopened(environment, project, known.usable);
      return createRepository(environment, project, known);
    },
  };
}
