// Commands that show what there is on record.
import type { Registrations } from "./registration.ts";

const evidence = async () => import("../evidence.ts");

export const viewCommands: Registrations = {
  list: ({ program, does }) =>
    does(
      program
        .command("list")
        .description("loops as a tree")
        .option("-s, --status <status>", "only loops with this status")
        .option("-t, --type <type>", "only loops of this type")
        .option("-a, --all-projects", "loops of all projects"),
      async () => (await import("../list.ts")).list,
    ),
  status: ({ program, does }) =>
    does(
      program
        .command("status <id>")
        .description("one loop")
        .option("-d, --detail", "iterations and evidence"),
      async () => (await import("../status.ts")).status,
    ),
  watch: ({ program, does }) =>
    does(
      program.command("watch [id]").description("live events"),
      async () => (await import("../watch.ts")).watch,
    ),
  diff: ({ program, does }) =>
    does(
      program
        .command("diff <id>")
        .description("what a loop changed")
        .option("--iteration <n>", "what one iteration changed"),
      async () => (await import("../diff.ts")).diff,
    ),
  logs: ({ program, does }) =>
    does(
      program
        .command("logs [id]")
        .description("what a loop said and ran; without an id, the daemon's log")
        .option("-f, --follow", "go on as it happens")
        .option("--iteration <n>", "everything on record of one: prompt, conversation, checks, cost"),
      async () => (await import("../logs.ts")).logs,
    ),
  export: ({ program, does }) =>
    does(
      program
        .command("export <id>")
        .description("everything on record of a whole run, as one JSON document")
        .option("-o, --output <file>", "write it there; without a terminal, stdout is the default")
        .option("--force", "replace an existing file"),
      async () => (await import("../export.ts")).exportRun,
    ),
  replay: ({ program, does }) =>
    does(
      program
        .command("replay <id>")
        .description("a new run from the state before an iteration of a loop; it is not merged")
        .requiredOption("--from <n>", "the iteration that is run anew")
        .option("--model <name>", "with this model")
        .option("--yes", "approve its plans without asking"),
      async () => (await import("../replay.ts")).replay,
    ),
  report: ({ program, does }) =>
    does(
      program
        .command("report")
        .description("what happened since the last look, and the one thing to do next")
        .option("--since <when>", "since 12h, 3d, 2w ago or a date, instead of the last look"),
      async () => (await import("../report.ts")).report,
    ),
  evidence: ({ program, does }) =>
    does(
      program
        .command("evidence <id>")
        .description("every check that was run for it, and the protected files changed"),
      async () => (await evidence()).evidence,
    ),
  verify: ({ program, does }) =>
    does(
      program
        .command("verify <commit>")
        .description("run the check recorded for a merged commit again: 0 the same outcome, 1 another")
        .option("--sandbox <mode>", "auto, or none to run it unsandboxed"),
      async () => (await evidence()).verify,
    ),
};
