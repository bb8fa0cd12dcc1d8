// Whether the git on PATH can do what Loopr needs.
import { LooprError } from "../lib/errors.ts";
import { gitAt, line, type Environment } from "./exec.ts";

/** `git merge-tree --write-tree` came with 2.38. */
const oldest = { major: 2, minor: 38 };

/** The version of git, as it says it (`2.39.5`). Throws `git_unusable`: missing, too old, not git. */
export async function gitVersion(environment: Environment = process.env): Promise<string> {
  const text = line(await gitAt(environment, { kind: "discover", directory: "/" })(["--version"]));
  const [, version = "", major, minor] = /^git version ((\d+)\.(\d+)\S*)/.exec(text) ?? [];
  const known = major !== undefined && minor !== undefined;
  const usable = known && compare(Number(major), Number(minor)) >= 0;
  if (usable) return version;
  throw new LooprError(
    "git_unusable",
    known ? `git ${version} is too old` : `\`git --version\` says "${text.slice(0, 100)}"`,
    `install git ${oldest.major}.${oldest.minor} or newer and make sure that it is first on PATH`,
  );
}

function compare(major: number, minor: number): number {
  return major === oldest.major ? minor - oldest.minor : major - oldest.major;
}
