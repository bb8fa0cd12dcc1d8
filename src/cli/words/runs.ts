// Commands that start runs.
import { collect } from "./collect.ts";
import type { CommandWords } from "../grammar.ts";
import type { Registrations } from "./registration.ts";

export const runCommands: Registrations = {
  plan: ({ program, does }) =>
    does(
      runOptions(program.command("plan [task...]"))
        .description("create a plan loop in this repository and print its id")
        .option("--file <path>", "read the task from a file")
        .option("--wait", "wait until it awaits approval"),
      async () => (await import("../run.ts")).plan,
    ),
  run: ({ program, does }) =>
    does(
      runOptions(program.command("run [task...]"))
        .description("plan, approve, run and merge; the exit code is the outcome")
        .option("--file <path>", "read the task from a file")
        .option("--yes", "approve and merge without asking")
        .option("--no-merge", "stop when verified"),
      async () => (await import("../run.ts")).run,
    ),
};

function runOptions(command: CommandWords): CommandWords {
  return command
    .option(
      "--levels <levels>",
      "auto, or some of plan,spec,phase,code and of your own types, ending in code",
    )
    .option("--depth <level>", "from this level down; code: one loop straight on the task")
    .option("--check <command>", "the validation command, run in the current directory")
    .option("--no-check", "do without validation: the result is unverified")
    .option("--max-iterations <n>", "bound on the iterations of each loop")
    .option("--budget <usd>", "bound on the run's cost in US dollars")
    .option("--target <branch>", "the branch to merge onto")
    .option("--may-change <glob>", "protected files that may change; may be given again", collect)
    .option("--sandbox <mode>", "auto, or none to run tools unsandboxed");
}
