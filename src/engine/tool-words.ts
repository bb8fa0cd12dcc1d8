// Short words about a tool's call and its answer, for live views and feedback.

export function summary(input: Record<string, unknown>): string {
  const first = input["path"] ?? input["command"] ?? input["pattern"];
  return typeof first === "string" ? firstLine(first) : "";
}

export function firstLine(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** So much of a refusal stands in the output; the model is told all of it. Lines. */
const reasonLinesMax = 6;

export function firstLines(text: string): string {
  const lines = text.trimEnd().split("\n");
  const shown = lines.slice(0, reasonLinesMax).map(firstLine);
  if (lines.length > reasonLinesMax) shown.push("…");
  return shown.join("\n  ");
}

/** The reasons of a refused call in one line, as the end of a sentence. */
export function refusalReasons(refusal: string): string {
  return refusal
    .replace(/^Not accepted:\n/, "")
    .split("\n")
    .map((line) =>
      line
        .trim()
        .replace(/^[-✖→] /, "")
        .replace(/\.$/, ""),
    )
    .filter((line) => line !== "")
    .join("; ");
}
