// What a short command loads has to stay little: neither the parser nor schemas nor node:net. See cli/read.ts,
// client/connection.ts and rpc/stream.ts for what each of them costs.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const src = join(import.meta.dir, "../../src");
const heavy = [/^zod/, /^commander$/, /^yaml$/, /^node:(net|crypto|child_process|worker_threads|stream)/];

test.each([
  ["main.ts"],
  ["cli/program.ts"],
  ["cli/list.ts"],
  ["cli/daemon-status.ts"],
  ["client/connect.ts"],
])("%s loads nothing that a short command does not need", (entry) => {
  const found: string[] = [];
  const seen = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const name of imported(readFileSync(file, "utf8"))) {
      if (name.startsWith(".")) visit(join(dirname(file), name), [...path, name]);
      else if (heavy.some((one) => one.test(name))) found.push([...path, name].join(" → "));
    }
  };
  visit(join(src, entry), [entry]);
  expect(found).toEqual([]);
});

/** What is loaded with a file itself: neither types nor what is imported when it is needed. */
function imported(source: string): string[] {
  const statements = source.matchAll(/^import\s+(?!type\b)(?:([^"]*?)\s+from\s+)?"([^"]+)";/gm);
  return [...statements].flatMap(([, names = "", name = ""]) => {
    const listed = /^\{([^}]*)\}$/.exec(names)?.[1]?.split(",") ?? [];
    const onlyTypes = listed.length > 0 && listed.every((one) => one.trim() === "" || /^\s*type\s/.test(one));
    return onlyTypes ? [] : [name];
  });
}
