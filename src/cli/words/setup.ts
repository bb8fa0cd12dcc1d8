// Commands that set Loopr up and look at it: daemon, configuration, the machine.
import type { Registrations } from "./registration.ts";

export const setupCommands: Registrations = {
  daemon: ({ program, does, roles }) => {
    const daemon = program.command("daemon").description("start, stop and look at the background daemon");
    does(
      daemon
        .command("start")
        .description("start in the background; returns when it answers")
        .option("-f, --foreground", "run in this process"),
      async () => (await import("../daemon.ts")).daemonStart(roles),
    );
    does(
      daemon.command("stop").description("stop it; returns when it is gone"),
      async () => (await import("../daemon.ts")).daemonStop,
    );
    does(
      daemon.command("status").description("show whether it runs"),
      async () => (await import("../daemon-status.ts")).daemonStatus,
    );
    does(
      daemon
        .command("logs")
        .description("show the daemon's own log")
        .option("-f, --follow", "go on as it happens")
        .option("--level <level>", "leave out what is below: trace, debug, info, warn or error"),
      async () => (await import("../daemon-log.ts")).daemonLogs,
    );
    does(
      daemon
        .command("restart")
        .description("stop, then start; running loops go on from their last checkpoints")
        .option("--when-idle", "wait for the next checkpoints first, so that no iteration is interrupted"),
      async () => (await import("../daemon.ts")).daemonRestart,
    );
  },
  init: ({ program, does }) =>
    does(
      program
        .command("init")
        .description("write .loopr.yml for this repository, having detected its test command")
        .option("--force", "replace an existing file"),
      async () => (await import("../init.ts")).init,
    ),
  trust: ({ program, does }) =>
    does(
      program.command("trust").description("accept this repository's .loopr.yml and .loopr/loops"),
      async () => (await import("../trust.ts")).trust,
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
      async () => (await import("../config.ts")).configShow,
    );
    does(
      config.command("path").description("the files that are read"),
      async () => (await import("../config.ts")).configPath,
    );
  },
  doctor: ({ program, does }) =>
    does(
      program.command("doctor").description("check git, sandbox, keys, home directory, daemon"),
      async () => (await import("../doctor.ts")).doctor,
    ),
  demo: ({ program, does }) =>
    does(
      program
        .command("demo")
        .description("a complete run on a sample repository: no key, no network")
        .option("--yes", "approve the plan without asking")
        .option("--remove", "remove the sample repository afterwards, instead of keeping it to be looked at"),
      async () => (await import("../demo.ts")).demo,
    ),
};
