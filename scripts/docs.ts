// npm run docs: writes the reference pages of docs/ from the schemas and the program. A test fails while a
// page differs from what this would write.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { commandLinePage } from "./docs/command-line.ts";
import { configurationPage } from "./docs/configuration.ts";
import { exportPage } from "./docs/export.ts";
import { protocolPage } from "./docs/protocol.ts";

export async function pages(): Promise<Map<string, string>> {
  const texts = {
    "docs/command-line.md": commandLinePage(),
    "docs/configuration.md": configurationPage(),
    "docs/export.md": exportPage(),
    "docs/protocol.md": protocolPage(),
  };
  const formatted = Object.entries(texts).map(
    async ([path, text]) => [path, await format(text, { parser: "markdown", printWidth: 110 })] as const,
  );
  return new Map(await Promise.all(formatted));
}

if (import.meta.main) {
  for (const [path, text] of await pages()) writeFileSync(join(import.meta.dir, "..", path), text);
}
