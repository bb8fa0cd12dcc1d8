// One program, several roles, chosen by its arguments. A role's code is loaded only when it is chosen.
import { LooprError, systemCode } from "./lib/errors.ts";
import { writeOut } from "./lib/stdio.ts";

/** What a client starts a daemon with (client/spawn.ts). It does not wait for the command line to be loaded. */
const daemonWords = ["daemon", "start", "--foreground", "--readiness-fd"];

async function run(argv: string[]): Promise<number> {
  if (argv[0] === "runner") {
    const { runnerMain } = await import("./runner/main.ts");
    await runnerMain(argv.slice(1));
    return 0;
  }
  const inherited = daemonWords.every((word, index) => argv[index] === word) ? Number(argv.at(-1)) : 0;
  if (inherited > 2) return (await import("./daemon/main.ts")).runSpawnedDaemon(inherited);
  const { main } = await import("./cli/program.ts");
  return main(argv, {
    runDaemon: async (onReady) => (await import("./daemon/main.ts")).runDaemonByHand(onReady),
  });
}

process.on("uncaughtException", (error) => {
  // `loopr … | head` for what is written by a stream: see writeOut.
  if (systemCode(error) === "EPIPE") process.exit(0);
  if (error instanceof LooprError) {
    writeOut(2, `error: ${error.message}\n  hint: ${error.hint}\n`);
    process.exit(1);
  }
  writeOut(2, `error: ${error.stack ?? error.message}\n  hint: this is a bug in loopr\n`);
  process.exit(1);
});
process.exit(await run(process.argv.slice(2)));
