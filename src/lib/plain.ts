// Text that others wrote (models, tools, files, titles), made safe to show on a terminal.

/**
 * CSI; OSC, DCS, APC, PM and SOS strings that end on their line (one that does not must not hide what
 * follows it); the two-character escapes.
 */
const escapeSequences =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)|\x1b[ -/]*[0-~]/g;
/** C0 without tab and newline, DEL and C1. */
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
/** Characters that reorder what follows them: text could read other than it is. */
const bidiControls = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Without escape sequences and control characters; tabs and newlines stay, `\r\n` becomes `\n`. */
export function plain(text: string): string {
  return text
    .replace(/\r+\n/g, "\n")
    .replace(escapeSequences, "")
    .replace(controls, "")
    .replace(bidiControls, "");
}

/** Everything stays, but what a terminal would obey is written out: `^[` for an escape. For diffs. */
export function visible(text: string): string {
  return text.replace(controls, caret).replace(bidiControls, codePoint);
}

function caret(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x80 ? `^${String.fromCharCode(code ^ 0x40)}` : codePoint(control);
}

function codePoint(character: string): string {
  return `<U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** One line of it: newlines and runs of blanks become one blank. */
export function plainLine(text: string): string {
  return plain(text).replace(/\s+/g, " ").trim();
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const zeroWidth = /[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f]/u;

/** Cuts to a number of terminal columns, the last of them `…` where something was cut. */
export function cutColumns(text: string, columns: number): string {
  let used = 0;
  let kept = "";
  let keptBeforeLast = "";
  for (const character of text) {
    const width = zeroWidth.test(character) ? 0 : wide.test(character) ? 2 : 1;
    if (used + width > columns) return columns > 0 ? keptBeforeLast + "…" : "";
    used += width;
    kept += character;
    if (used <= columns - 1) keptBeforeLast = kept;
  }
  return text;
}
