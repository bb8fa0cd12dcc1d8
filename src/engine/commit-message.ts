// Messages of the commits on a run's branch: the titles of the loops, and trailers that say whose work it is.

/** Trailers by which recovery knows a commit that the store missed. */
export function trailers(loopId: string, iteration: number): string {
  return `Loopr-Loop: ${loopId}\nLoopr-Iteration: ${iteration}`;
}

/** The loops whose work a commit holds, as its message names them, oldest first; none where it names none. */
export function loopsOfMessage(message: string): string[] {
  return [...message.matchAll(/^Loopr-Loop: (\S+)$/gm)].map(([, id]) => id ?? "");
}

const subjectCharsMax = 72;
const together = "These go together: on the commit below, the check passes only with all of them.";

/**
 * The message of one commit in place of several, which are given oldest first: every title once, every trailer once,
 * and of each loop the iteration that it was at last.
 */
export function messageOfSeveral(messages: readonly string[]): string {
  const titles = [...new Set(messages.flatMap(titlesOf))];
  const joined = titles.join("; ");
  const isShort = titles.length < 2 || joined.length <= subjectCharsMax;
  const subject = isShort ? joined : `${titles[0] ?? ""} (and ${titles.length - 1} more)`;
  const body = titles.length > 1 ? `${together}\n\n${titles.map((title) => `- ${title}\n`).join("")}\n` : "";
  const iterations = new Map<string, string>();
  const others = new Set<string>();
  for (const message of messages) {
    for (const [, id = "", iteration = ""] of message.matchAll(
      /^Loopr-Loop: (\S+)\nLoopr-Iteration: (\d+)$/gm,
    ))
      iterations.set(id, iteration);
    for (const [line] of message.matchAll(/^Loopr-(?!Loop:|Iteration:)\w+: .+$/gm)) others.add(line);
  }
  const lines = [...iterations].map(([id, iteration]) => trailers(id, Number(iteration)));
  return `${subject}\n\n${body}${[...lines, ...others].join("\n")}\n`;
}

function titlesOf(message: string): string[] {
  const [subject = "", ...rest] = message.split("\n");
  if (!rest.includes(together)) return [subject];
  return rest.filter((line) => line.startsWith("- ")).map((line) => line.slice(2));
}
