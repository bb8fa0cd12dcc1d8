// Commands about plans: the gate, the judge, the prompts.
import { collect } from "./collect.ts";
import type { Registrations } from "./registration.ts";

const gate = async () => import("../gate.ts");

export const planCommands: Registrations = {
  approve: ({ program, does }) =>
    does(
      program
        .command("approve <id>")
        .description("approve a plan that waits")
        .option("--level <spec=level>", "how a spec is done: code or spec; may be given again", collect),
      async () => (await gate()).approve,
    ),
  edit: ({ program, does }) =>
    does(
      program
        .command("edit <id>")
        .description("change the plan that waits, in $VISUAL or $EDITOR; stored as a new version")
        .option("--file <path>", "take it from a file, or - for stdin, instead of an editor")
        .option("--print", "print it as it would be edited"),
      async () => (await import("../edit.ts")).edit,
    ),
  reject: ({ program, does }) =>
    does(
      program
        .command("reject <id>")
        .description("reject a plan: it has failed")
        .option("-r, --reason <why>", "why"),
      async () => (await gate()).reject,
    ),
  iterate: ({ program, does }) =>
    does(
      program
        .command("iterate <id>")
        .description("send a plan back with feedback")
        .requiredOption("-m, --message <feedback>", "what to change"),
      async () => (await gate()).iterate,
    ),
  judge: ({ program, does }) => {
    const judge = program.command("judge").description("the judge of plans, specs and phases");
    does(
      judge
        .command("stats")
        .description("how often its verdicts agree with the checks and with you")
        .option("-a, --all-projects", "of all projects"),
      async () => (await import("../judge.ts")).stats,
    );
  },
  prompts: ({ program, does }) => {
    const prompts = program.command("prompts").description("the templates of the loops' prompts");
    does(
      prompts.command("list").description("which template counts here for each type of loop"),
      async () => (await import("../prompts.ts")).promptsList,
    );
    does(
      prompts
        .command("export [type...]")
        .description("write the built-in templates, to be changed; your own configuration's by default")
        .option("--dir <path>", "write them there, for example .loopr/prompts")
        .option("--force", "replace what is there"),
      async () => (await import("../prompts.ts")).promptsExport,
    );
  },
};
