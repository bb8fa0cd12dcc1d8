/** So much of a text stands in one line beside other things. Characters. */
const charsMax = 200;

/** What a longer text begins with, to be read on its own: its first sentence, or visibly less of it. */
export function firstSentence(text: string): string {
  const line =
    text
      .split("\n")
      .find((one) => one.trim() !== "")
      ?.trim() ?? "";
  const sentence = /^.*?[.!?](?= |$)/.exec(line)?.[0] ?? line;
  if (sentence.length <= charsMax) return sentence;
  const cut = sentence.slice(0, charsMax);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), charsMax / 2)).trimEnd()} …`;
}
