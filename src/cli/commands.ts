// The commands: their words, their options, and how the code behind each is loaded when it is chosen.
import type { Action, CommandWords, Roles } from "./grammar.ts";

export interface Registration {
  program: CommandWords;
  /** Registers what a command does. */
  does: (command: CommandWords, load: () => Promise<Action>) => CommandWords;
  roles: Roles;
}

const evidence = async () => import("./evidence.ts");
const gate = async () => import("./gate.ts");
const act = async () => import("./act.ts");

/** By their first words, in the order of the help. */
export const commands: Readonly<Record<string, (to: Registration) => unknown>> = {
  daemon: ({ program, does, roles }) => {
    const daemon = program.command("daemon").description("start, stop and look at the background daemon");
    does(
      daemon
        .command("start")
        .description("start in the background; returns when it answers")
        .option("-f, --foreground", "run in this process"),
      async () => (await import("./daemon.ts")).daemonStart(roles),
    );
    does(
      daemon.command("stop").description("stop it; returns when it is gone"),
      async () => (await import("./daemon.ts")).daemonStop,
    );
    does(
      daemon.command("status").description("show whether it runs"),
      async () => (await import("./daemon-status.ts")).daemonStatus,
    );
    does(
      daemon
        .command("logs")
        .description("show the daemon's own log")
        .option("-f, --follow", "go on as it happens")
        .option("--level <level>", "leave out what is below: trace, debug, info, warn or error"),
      async () => (await import("./daemon-log.ts")).daemonLogs,
    );
    does(
      daemon
        .command("restart")
        .description("stop, then start; running loops go on from their last checkpoints")
        .option("--when-idle", "wait for the next checkpoints first, so that no iteration is interrupted"),
      async () => (await import("./daemon.ts")).daemonRestart,
    );
  },
  init: ({ program, does }) =>
    does(
      program
        .command("init")
        .description("write .loopr.yml for this repository, having detected its test command")
        .option("--force", "replace an existing file"),
      async () => (await import("./init.ts")).init,
    ),
  trust: ({ program, does }) =>
    does(
      program.command("trust").description("accept this repository's .loopr.yml"),
      async () => (await import("./trust.ts")).trust,
    ),
  config: ({ program, does }) => {
    const config = program
      .command("config")
      .description("look at the configuration that counts in this directory");
    does(
      config
        .command("show")
        .description("every key with its value")
        .option("--origin", "and where it comes from: file and line, a variable, the default"),
      async () => (await import("./config.ts")).configShow,
    );
    does(
      config.command("path").description("the files that are read"),
      async () => (await import("./config.ts")).configPath,
    );
  },
  doctor: ({ program, does }) =>
    does(
      program.command("doctor").description("check git, sandbox, keys, home directory, daemon"),
      async () => (await import("./doctor.ts")).doctor,
    ),
  demo: ({ program, does }) =>
    does(
      program
        .command("demo")
        .description("a complete run on a sample repository: no key, no network")
        .option("--yes", "approve the plan without asking")
        .option("--remove", "remove the sample repository afterwards, instead of keeping it to be looked at"),
      async () => (await import("./demo.ts")).demo,
    ),
  plan: ({ program, does }) =>
    does(
      runOptions(program.command("plan [task...]"))
        .description("create a plan loop in this repository and print its id")
        .option("--file <path>", "read the task from a file")
        .option("--wait", "wait until it awaits approval"),
      async () => (await import("./run.ts")).plan,
    ),
  run: ({ program, does }) =>
    does(
      runOptions(program.command("run [task...]"))
        .description("plan, approve, run and merge; the exit code is the outcome")
        .option("--file <path>", "read the task from a file")
        .option("--yes", "approve and merge without asking")
        .option("--no-merge", "stop when verified"),
      async () => (await import("./run.ts")).run,
    ),
  list: ({ program, does }) =>
    does(
      program
        .command("list")
        .description("loops as a tree")
        .option("-s, --status <status>", "only loops with this status")
        .option("-t, --type <type>", "only loops of this type")
        .option("-a, --all-projects", "loops of all projects"),
      async () => (await import("./list.ts")).list,
    ),
  status: ({ program, does }) =>
    does(
      program
        .command("status <id>")
        .description("one loop")
        .option("-d, --detail", "iterations and evidence"),
      async () => (await import("./status.ts")).status,
    ),
  watch: ({ program, does }) =>
    does(
      program.command("watch [id]").description("live events"),
      async () => (await import("./watch.ts")).watch,
    ),
  diff: ({ program, does }) =>
    does(
      program
        .command("diff <id>")
        .description("what a loop changed")
        .option("--iteration <n>", "what one iteration changed"),
      async () => (await import("./diff.ts")).diff,
    ),
  logs: ({ program, does }) =>
    does(
      program
        .command("logs [id]")
        .description("what a loop said and ran; without an id, the daemon's log")
        .option("-f, --follow", "go on as it happens")
        .option("--iteration <n>", "everything on record of one: prompt, conversation, checks, cost"),
      async () => (await import("./logs.ts")).logs,
    ),
  export: ({ program, does }) =>
    does(
      program
        .command("export <id>")
        .description("everything on record of a whole run, as one JSON document")
        .option("-o, --output <file>", "write it there; without a terminal, stdout is the default")
        .option("--force", "replace an existing file"),
      async () => (await import("./export.ts")).exportRun,
    ),
  replay: ({ program, does }) =>
    does(
      program
        .command("replay <id>")
        .description("a new run from the state before an iteration of a loop; it is not merged")
        .requiredOption("--from <n>", "the iteration that is run anew")
        .option("--model <name>", "with this model")
        .option("--yes", "approve its plans without asking"),
      async () => (await import("./replay.ts")).replay,
    ),
  report: ({ program, does }) =>
    does(
      program
        .command("report")
        .description("what happened since the last look, and the one thing to do next")
        .option("--since <when>", "since 12h, 3d, 2w ago or a date, instead of the last look"),
      async () => (await import("./report.ts")).report,
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
      async () => (await import("./edit.ts")).edit,
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
      async () => (await import("./judge.ts")).stats,
    );
  },
  prompts: ({ program, does }) => {
    const prompts = program.command("prompts").description("the templates of the loops' prompts");
    does(
      prompts.command("list").description("which template counts here for each type of loop"),
      async () => (await import("./prompts.ts")).promptsList,
    );
    does(
      prompts
        .command("export [type...]")
        .description("write the built-in templates, to be changed; your own configuration's by default")
        .option("--dir <path>", "write them there, for example .loopr/prompts")
        .option("--force", "replace what is there"),
      async () => (await import("./prompts.ts")).promptsExport,
    );
  },
  pause: ({ program, does }) =>
    does(
      program.command("pause <selectors...>").description("pause loops and their descendants"),
      async () => (await act()).pause,
    ),
  resume: ({ program, does }) =>
    does(
      program
        .command("resume <selectors...>")
        .description("resume paused, stalled or failed loops")
        .option("-m, --message <feedback>", "what to do otherwise: it stands in their next prompt")
        .option("--may-change <glob>", "protected files that they may change; may be given again", collect),
      async () => (await act()).resume,
    ),
  budget: ({ program, does }) =>
    does(
      program
        .command("budget <id>")
        .description("raise the bounds of a loop, and with a run's id those of the run")
        .option("--add <usd>", "by so many US dollars")
        .option("--minutes <n>", "by so many minutes of running time")
        .option("--tokens <n>", "by so many tokens")
        .option("--iterations <n>", "by so many iterations"),
      async () => (await act()).budget,
    ),
  cancel: ({ program, does }) =>
    does(
      program
        .command("cancel <selectors...>")
        .description("cancel loops and their descendants; branches stay"),
      async () => (await act()).cancel,
    ),
  rebase: ({ program, does }) =>
    does(
      program
        .command("rebase <selectors...>")
        .description("put loops' work on the run's branch as it is now, at their next safe point"),
      async () => (await import("./signal.ts")).rebase,
    ),
  invalidate: ({ program, does }) =>
    does(
      program
        .command("invalidate <selectors...>")
        .description("let loops run again; what is below them no longer counts")
        .option("-m, --message <feedback>", "what to do otherwise"),
      async () => (await import("./signal.ts")).invalidate,
    ),
  delete: ({ program, does }) =>
    does(
      program.command("delete <id>").description("forget an ended run; its branch stays"),
      async () => (await act()).remove,
    ),
  merge: ({ program, does }) =>
    does(
      program
        .command("merge <id>")
        .description(
          "bring a verified run onto its target; where that has moved on, on top of it, checked again",
        ),
      async () => (await act()).merge,
    ),
  help: ({ program, does }) =>
    does(
      program.command("help [command...]").description("show what a command takes"),
      async () => (await import("./parser.ts")).help,
    ),
  undo: ({ program, does }) =>
    does(
      program
        .command("undo <id>")
        .description("take a merged run back by a new commit on its target, its check run before"),
      async () => (await import("./undo.ts")).undo,
    ),
};

/** Not a variadic option: that would take the words after it, too. */
function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

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
