// The file that `loopr init` writes: what was detected, and the other keys a project may set, as comments.
import type { Detected } from "./detect.ts";

export function projectTemplate(detected: Detected | null): string {
  const check =
    detected === null
      ? `  # No test command was found. Loopr needs one: set it here, or give --check with each run.
  # command: "./test.sh"`
      : `  # Found by ${detected.because}. A loop is complete only when this exits with 0.
  command: ${JSON.stringify(detected.command)}`;
  const setup =
    detected?.setup == null
      ? `# worktree:
#   # Run in each fresh worktree, to install what the check needs.
#   setup: "make deps"`
      : `worktree:
  # Run in each fresh worktree, to install what the check needs. Network: sandbox.net in your own file.
  setup: ${JSON.stringify(detected.setup)}`;
  return `# How Loopr works in this repository. All keys: loopr help configuration.
# What makes commands run counts after \`loopr trust\` only, and again after each change of this file.

validation:
${check}
  # Where it runs, relative to this directory.
  # cwd: "."
  # Seconds.
  # timeout: 600
  # Files that the work may not bend to its liking; the usual tests by default.
  # protected: ["tests/**"]

${setup}

# git:
#   # The branch to merge onto; the one checked out by default.
#   target: "main"

# How a task is broken down: auto, or some of plan,spec,phase,code.
# levels: "auto"

# A project can only lower these.
# limits:
#   turns: 50
#   minutes: 120
#   run_usd: 10

# env:
#   # For checks and tools.
#   set: { CI: "true" }
`;
}
