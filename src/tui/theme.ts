// What the terminal can show: glyphs for its character set, colours if the person wants them.

export type Style =
  | "plain"
  | "bold"
  | "dim"
  | "red"
  | "green"
  | "yellow"
  | "blue"
  | "magenta"
  | "cyan"
  | "heading"
  | "selected";

export interface Glyphs {
  pending: string;
  running: string;
  awaiting: string;
  paused: string;
  rebasing: string;
  complete: string;
  failed: string;
  cancelled: string;
  invalidated: string;
  stalled: string;
  dot: string;
  open: string;
  closed: string;
  separator: string;
  rule: string;
  bullet: string;
  arrow: string;
  ellipsis: string;
  up: string;
  down: string;
}

export interface Theme {
  glyphs: Glyphs;
  colour: boolean;
}

const unicode: Glyphs = {
  pending: "○",
  running: "●",
  awaiting: "◐",
  paused: "‖",
  rebasing: "⟳",
  complete: "✓",
  failed: "✗",
  cancelled: "⊘",
  invalidated: "◌",
  stalled: "!",
  dot: "●",
  open: "▾",
  closed: "▸",
  separator: "│",
  rule: "─",
  bullet: "•",
  arrow: "→",
  ellipsis: "…",
  up: "↑",
  down: "↓",
};

const ascii: Glyphs = {
  pending: "o",
  running: "*",
  awaiting: "?",
  paused: "=",
  rebasing: "~",
  complete: "+",
  failed: "x",
  cancelled: "/",
  invalidated: ".",
  stalled: "!",
  dot: "*",
  open: "-",
  closed: ">",
  separator: "|",
  rule: "-",
  bullet: "-",
  arrow: "->",
  ellipsis: "...",
  up: "in",
  down: "out",
};

type Environment = Readonly<Record<string, string | undefined>>;

/** `characters`: what the person has set, or `auto` for what the locale says. */
export function createTheme(
  env: Environment,
  colour: boolean,
  characters: "auto" | "unicode" | "ascii" = "auto",
): Theme {
  const wide = characters === "unicode" || (characters === "auto" && isUtf8(env));
  return { glyphs: wide ? unicode : ascii, colour };
}

/** POSIX: the first of these that is set and not empty decides the character set. */
function isUtf8(env: Environment): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /utf-?8/i.test(locale);
}

/**
 * SGR parameters, on and off. The sixteen colours of the terminal's own palette, so that they are readable
 * on whatever background the person has. Attributes other than colour stay without colours: NO_COLOR asks
 * for no colour, and the selected row must be seen.
 */
const codes: Record<Style, { on: string; off: string; colour: boolean }> = {
  plain: { on: "", off: "", colour: false },
  bold: { on: "1", off: "22", colour: false },
  dim: { on: "2", off: "22", colour: false },
  red: { on: "31", off: "39", colour: true },
  green: { on: "32", off: "39", colour: true },
  yellow: { on: "33", off: "39", colour: true },
  blue: { on: "34", off: "39", colour: true },
  magenta: { on: "35", off: "39", colour: true },
  cyan: { on: "36", off: "39", colour: true },
  heading: { on: "1;4", off: "22;24", colour: false },
  selected: { on: "7", off: "27", colour: false },
};

export function styled(theme: Theme, style: Style, text: string): string {
  const { on, off, colour } = codes[style];
  if (on === "" || text === "" || (colour && !theme.colour)) return text;
  return `\x1b[${on}m${text}\x1b[${off}m`;
}
