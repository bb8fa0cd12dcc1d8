/** So much of a text stands in one line beside other things. Characters. */
const charsMax = 200;

/** A command or a name that is quoted: what stands in it ends no sentence. Characters. */
const quoted = /`[^`]{1,2000}`|"[^"]{1,2000}"/g;

/** What a longer text begins with, to be read on its own: its first sentence, or visibly less of it. */
export function firstSentence(text: string): string {
  const line =
    text
      .replace(quoted, (span) => span.replace(/\s*\n\s*/g, " "))
      .split("\n")
      .find((one) => one.trim() !== "")
      ?.trim() ?? "";
  const masked = line.replace(quoted, (span) => "_".repeat(span.length));
  const end = /^.*?[.!?](?= |$)/.exec(masked)?.[0].length;
  const sentence = line.slice(0, end);
  if (sentence.length <= charsMax) return sentence;
  const cut = sentence.slice(0, charsMax);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), charsMax / 2)).trimEnd()} …`;
}
