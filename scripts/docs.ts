// npm run docs: writes the reference pages of docs/ from the schemas and the program. A test fails while a
// page differs from what this would write.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format } from "prettier";
import { commandLinePage } from "./docs/command-line.ts";
import { configurationPage } from "./docs/configuration.ts";
import { exportPage } from "./docs/export.ts";
import { helpTopicsModule, topicPages } from "./docs/help-topics.ts";
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
  const written = new Map<string, string>(await Promise.all(formatted));
  const topics = Object.entries(topicPages).map(([topic, page]) => {
    const path = `docs/${page}.md`;
    return [topic, written.get(path) ?? readFileSync(join(import.meta.dir, "..", path), "utf8")] as const;
  });
  const options = { parser: "typescript", printWidth: 110 } as const;
  return written.set(
    "src/cli/help-topics.ts",
    await format(helpTopicsModule(Object.fromEntries(topics)), options),
  );
}

if (import.meta.main) {
  for (const [path, text] of await pages()) writeFileSync(join(import.meta.dir, "..", path), text);
}
