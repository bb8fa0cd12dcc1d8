// loopr doctor: whether this machine, this account and this repository have what a run needs.
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { plain } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { checkClock } from "./doctor/clock.ts";
import { failed, type Finding } from "./doctor/finding.ts";
import { checkDaemon, checkHome } from "./doctor/home.ts";
import { checkGit, checkLogout, checkPrograms, checkSandbox, checkVersion } from "./doctor/machine.ts";
import { checkConfiguration, checkKey, checkProject } from "./doctor/project.ts";
import { paint, styleOf, type Paint, type Style } from "./format.ts";

export async function doctor(context: CliContext): Promise<number> {
  const { env } = process;
  const { config, finding: configuration } = checkConfiguration(env, context.config);
  const findings = [
    checkVersion(),
    await checkGit(env),
    await checkSandbox(config.sandbox.mode === "none"),
    ...checkPrograms(env),
    configuration,
    checkKey(config, env),
    ...checkHome(env),
    checkClock(defaultDataDir(env)),
    ...checkLogout(),
    await checkDaemon(env),
    ...(await projectFindings(context, env)),
  ];
  const healthy = findings.every(({ status }) => status !== "fail");
  if (context.json) context.print({ ok: healthy, checks: findings });
  const style = styleOf(context);
  for (const finding of findings) for (const line of linesOf(style, finding)) context.say(line);
  return healthy ? exitCodes.done : exitCodes.failed;
}

/** The current directory may be gone, which hinders only what is said of it. */
async function projectFindings(context: CliContext, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  try {
    return await checkProject(context.cwd, env, context.config);
  } catch (error) {
    if (!(error instanceof LooprError)) throw error;
    return [failed("project", error)];
  }
}

const colours: Readonly<Record<Finding["status"], Paint>> = { ok: "green", warn: "yellow", fail: "red" };
const nameColumns = 14;

function linesOf(style: Style, { name, status, detail, remedy }: Finding): string[] {
  const [first = "", ...rest] = plain(detail).split("\n");
  const margin = " ".repeat("fail".length + 2 + nameColumns);
  const head = `${paint(style, colours[status], status.padEnd("fail".length))}  ${name.padEnd(nameColumns)}${first}`;
  return [
    head,
    ...rest.map((line) => margin + line),
    ...(remedy ? [`${margin}${style.unicode ? "→" : "->"} ${plain(remedy)}`] : []),
  ];
}
