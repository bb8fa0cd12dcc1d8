// One program, several roles, chosen by its arguments. A role's code is loaded only when it is chosen.
import { systemCode } from "./lib/errors.ts";

async function run(argv: string[]): Promise<number> {
  if (argv[0] === "runner") {
    const { runnerMain } = await import("./runner/main.ts");
    await runnerMain(argv.slice(1));
    return 0;
  }
  const { main } = await import("./cli/program.ts");
  return main(argv, {
    runDaemon: async (options) => (await import("./daemon/main.ts")).runDaemon(options),
  });
}

/** What was written to a pipe may still be on its way, and `process.exit` would cut it off. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise((resolve) => stream.once("drain", resolve));
}

process.on("uncaughtException", (error) => {
  // `loopr … | head`: who read our output has gone, and that is no error of ours.
  if (systemCode(error) === "EPIPE") process.exit(0);
  process.stderr.write(`error: ${error.stack ?? error.message}\n  hint: this is a bug in loopr\n`);
  process.exit(1);
});
const exitCode = await run(process.argv.slice(2));
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(exitCode);
