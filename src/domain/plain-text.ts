/** Output as a terminal without colours shows it: what colours a line would hide its end. */
export function plainText(output: string): string {
  return output.replace(/\x1b\[[\d;]*m/g, "").replaceAll("\r\n", "\n");
}
