// Filter and merge drivers: programs that git runs because of a line in .gitattributes, which a job may edit.
//
// A driver's command runs outside the sandbox, in the worktree, so that everything it looks up relative to
// there (`./scripts/clean.sh`, `python -m nbstripout`) is a job's to replace. Therefore none of them runs,
// whoever configured it, but Git LFS, recognised by the exact commands that `git lfs install` writes: it
// looks up nothing in the worktree but .lfsconfig, of which it obeys only harmless keys.
//  - Filters: passed through. A worktree then holds what is stored (git-crypt: the encrypted bytes), and
//    unchanged files stay as they are. In the person's own checkout a fast-forward that touches such files
//    is refused (target.ts), since it would leave stored bytes where the person expects clean ones.
//    Where Git LFS is configured and not installed, git itself would refuse to look at such files: its
//    filter is passed through as well, and pointers stay the pointers that they are in the checkout.
//  - Merge drivers: git's own text merge instead.
import { findProgram } from "../lib/find-program.ts";
import type { ConfigEntry } from "./configuration.ts";
import type { Environment, Setting } from "./exec.ts";

export interface Drivers {
  settings: Setting[];
  /** Names of the filters that do not run. */
  filters: string[];
}

const lfsCommand = /^git[- ]lfs (clean|smudge( --skip)?) -- %f$|^git[- ]lfs filter-process( --skip)?$/;
const textMerge = "git merge-file -q --marker-size=%L %A %O %B";

/** What to set so that no driver runs that a place's configuration names. */
export function neutralDrivers(environment: Environment, configured: readonly ConfigEntry[]): Drivers {
  const filters = new Map<string, string[]>();
  const merges = new Set<string>();
  for (const { key, value } of configured) {
    const [, kind, name = ""] = /^(filter|merge)\.(.*)\.(?:clean|smudge|process|driver)$/s.exec(key) ?? [];
    if (kind === "merge") merges.add(name);
    else if (kind === "filter") filters.set(name, [...(filters.get(name) ?? []), value]);
  }
  const isLfs = (commands: string[]) => commands.every((command) => lfsCommand.test(command));
  const works = (commands: string[]) => isLfs(commands) && findProgram("git-lfs", environment["PATH"] ?? "");
  const off = [...filters].filter(([, commands]) => !works(commands));
  const names = off.map(([name]) => name);
  return { filters: names, settings: [...names.flatMap(passThrough), ...[...merges].map(textual)] };
}

function passThrough(name: string): Setting[] {
  const empty = ["clean", "smudge", "process"].map((key) => ({ key: `filter.${name}.${key}`, value: "" }));
  return [...empty, { key: `filter.${name}.required`, value: "false" }];
}

function textual(name: string): Setting {
  return { key: `merge.${name}.driver`, value: textMerge };
}
