// File names as git has them (bytes) and as the rest of the program has them (strings), both ways without loss.
import { TextDecoder } from "node:util";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const escapeBase = 0xdc00;

/**
 * A file name as a string. Bytes that are not UTF-8 become lone surrogates U+DC80…U+DCFF (as Python's
 * `surrogateescape` does), so that `encodeName` gives back the same bytes.
 */
export function decodeName(bytes: Buffer): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodePiecewise(bytes);
  }
}

function decodePiecewise(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      text += strict.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(escapeBase + lead);
      at += 1;
    }
  }
  return text;
}

export function encodeName(name: string): Buffer {
  if (!/[\udc80-\udcff]/.test(name)) return Buffer.from(name);
  const parts: Buffer[] = [];
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    const escaped = code >= escapeBase + 0x80 && code <= escapeBase + 0xff;
    parts.push(escaped ? Buffer.from([code - escapeBase]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

/** The fields of NUL-terminated (or NUL-separated) output. */
export function splitNul(output: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  for (let from = 0; from < output.length;) {
    const end = output.indexOf(0, from);
    fields.push(output.subarray(from, end < 0 ? output.length : end));
    if (end < 0) break;
    from = end + 1;
  }
  return fields;
}

/** The names of NUL-terminated output. */
export function splitNames(output: Buffer): string[] {
  return splitNul(output).map(decodeName);
}

/** Names as NUL-terminated input. */
export function joinNames(names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [encodeName(name), Buffer.from([0])]));
}

/** A file's path as bytes: `directory` joined with a name that git reported. */
export function pathOf(directory: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), encodeName(name)]);
}

/** A name for messages: control characters and foreign bytes visible, quoted where it has any. */
export function showName(name: string): string {
  return /^[^\p{C}"\\]+$/u.test(name) ? name : JSON.stringify(name);
}
