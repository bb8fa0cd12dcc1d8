// Tests that stand in the program's own files: what of a change alters them, and what those files are with the tests as
// they were. Rust's; of other languages the tests are known by their paths.
import { posix } from "node:path";
import { protectedDefaults } from "../domain/protected.ts";
import { declaresTests, rustTestChanges, type ChangedTests } from "../domain/rust-tests.ts";
import { matcher } from "../domain/tree-paths.ts";
import type { FileChange, Repository } from "./git-port.ts";

export interface Changed {
  repository: Pick<Repository, "read">;
  base: string;
  commit: string;
  changes: readonly FileChange[];
  /** `validation.protected`: where the person says what is protected, nothing is looked for in other files. */
  configured: readonly string[] | null;
}

/** A file may be declared by one that is declared by one, and so on. */
const depthMax = 6;

/** What becomes of the tests in changed sources of Rust. */
export async function inSourceTests({
  repository,
  base,
  commit,
  changes,
  configured,
}: Changed): Promise<ChangedTests> {
  const found: ChangedTests = { changed: [], added: [], asBefore: new Map() };
  if (configured !== null) return found;
  const isTest = matcher(protectedDefaults);
  const sources = changes.filter(({ path }) => path.endsWith(".rs") && !isTest(path));
  const mixed = [];
  for (const { status, path } of sources) {
    // A module of tests in a file of its own is one as a whole.
    const at = status === "added" ? commit : base;
    if (await isTestModule((name) => repository.read(at, name), path))
      (status === "added" ? found.added : found.changed).push(path);
    else
      mixed.push({
        path,
        before: status === "added" ? null : await repository.read(base, path),
        after: status === "deleted" ? null : await repository.read(commit, path),
      });
  }
  const parts = rustTestChanges(mixed);
  return {
    changed: [...found.changed, ...parts.changed],
    added: [...found.added, ...parts.added],
    asBefore: parts.asBefore,
  };
}

type Read = (path: string) => Promise<string | null>;

/** Whether the file's module is declared for tests alone, or stands in one that is. */
async function isTestModule(read: Read, path: string, depth = 0): Promise<boolean> {
  const stem = posix.basename(path, ".rs");
  const folder = stem === "mod" ? posix.dirname(posix.dirname(path)) : posix.dirname(path);
  const module = stem === "mod" ? posix.basename(posix.dirname(path)) : stem;
  if (depth > depthMax || (depth > 0 && /^(lib|main)$/.test(stem))) return false;
  for (const above of ["mod.rs", "lib.rs", "main.rs", `../${posix.basename(folder)}.rs`]) {
    const parent = posix.join(folder, above);
    const content = parent === path || parent.startsWith("../") ? null : await read(parent);
    const declared = content === null ? null : declaresTests(content, module);
    if (declared !== null) return declared || (await isTestModule(read, parent, depth + 1));
  }
  return false;
}
