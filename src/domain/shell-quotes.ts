// Where an expansion of the shell ends: brackets balanced, quotes heeded.

/** The index after the expansion or process substitution that begins at `at`; past its sign where it is none. */
export function afterBalanced(text: string, at: number, depth = 0): number {
  const rest = text.slice(at, at + 2);
  if (depth > depthMax) return text.length;
  if (rest.startsWith("`")) return afterBacktick(text, at + 1);
  if (/^[$<>]\($/.test(rest)) return afterBracket(text, at + 2, { open: "(", close: ")", depth });
  if (rest === "${") return afterBracket(text, at + 2, { open: "{", close: "}", depth });
  const name = /^\$(\w+|[@*#?$!-])?/.exec(text.slice(at, at + namesMax));
  return at + Math.max(1, name?.[0].length ?? 1);
}

/** No variable has a longer name. */
const namesMax = 256;
/** Nobody nests them deeper, and what looks like it is read to its end. */
const depthMax = 50;

function afterBacktick(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") return at + 1;
  }
  return text.length;
}

interface Bracket {
  open: string;
  close: string;
  /** In how many others it stands. */
  depth: number;
}

function afterBracket(text: string, from: number, { open, close, depth }: Bracket): number {
  let unclosed = 1;
  let isQuoted = false;
  let at = from;
  while (at < text.length) {
    const char = text[at] ?? "";
    if (char === "\\") at += 2;
    else if (char === "'" && !isQuoted) at = after(text, "'", at + 1);
    else if (char === '"') {
      isQuoted = !isQuoted;
      at += 1;
    } else if (char === "`" || /^\$[({]/.test(text.slice(at, at + 2)))
      at = afterBalanced(text, at, depth + 1);
    else {
      at += 1;
      if (char === open && !isQuoted) unclosed += 1;
      if (char === close && !isQuoted && --unclosed === 0) return at;
    }
  }
  return text.length;
}

function after(text: string, sign: string, from: number): number {
  const found = text.indexOf(sign, from);
  return found < 0 ? text.length : found + 1;
}
