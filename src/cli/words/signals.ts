// Commands that act on loops and runs.
import { collect } from "./collect.ts";
import type { Registrations } from "./registration.ts";

const act = async () => import("../act.ts");

export const actingCommands: Registrations = {
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
      async () => (await import("../signal.ts")).rebase,
    ),
  invalidate: ({ program, does }) =>
    does(
      program
        .command("invalidate <selectors...>")
        .description("let loops run again; what is below them no longer counts")
        .option("-m, --message <feedback>", "what to do otherwise"),
      async () => (await import("../signal.ts")).invalidate,
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
      program
        .command("help [command...]")
        .description("show what a command takes, or a topic: configuration, loop-types, scripted-model"),
      async () => (await import("../parser.ts")).help,
    ),
  undo: ({ program, does }) =>
    does(
      program
        .command("undo <id>")
        .description("take a merged run back by a new commit on its target, its check run before"),
      async () => (await import("../undo.ts")).undo,
    ),
};
