// A private home and real repositories for tests of the git adapter. Removed after each test.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface GitFixture {
  /** Private directory: home, repositories and worktrees are below it. */
  root: string;
  env: Record<string, string>;
  /** Runs the person's git, unhardened; returns its output without the final newline. */
  git(cwd: string, ...args: string[]): string;
  /** Writes files below a directory. */
  write(directory: string, files: Record<string, string | Buffer>): void;
  /** A repository with a commit of these files on `main`. */
  repository(name: string, files?: Record<string, string>): string;
  remove(): void;
}

export function gitFixture(): GitFixture {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "loopr-git-")));
  const home = join(root, "home");
  mkdirSync(home);
  const env = { HOME: home, PATH: process.env["PATH"] ?? "", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
  const git = (cwd: string, ...args: string[]) => {
    const result = spawnSync("git", args, { cwd, env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    if (result.status !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr}${result.stdout}`);
    return result.stdout.replace(/\n$/, "");
  };
  const write = (directory: string, files: Record<string, string | Buffer>) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
  };
  writeFileSync(join(home, ".gitconfig"), "[user]\n\tname = Ada Person\n\temail = ada@example.com\n");
  return {
    root,
    env,
    git,
    write,
    repository: (name, files = { "a.txt": "one\n", "src/b.txt": "two\n" }) => {
      const path = join(root, name);
      mkdirSync(path, { recursive: true });
      git(path, "init", "--quiet", "--initial-branch=main");
      write(path, files);
      git(path, "add", "--all");
      git(path, "commit", "--quiet", "--allow-empty", "--message=first");
      return path;
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Makes directories deeper than a path can name. */
export function deepDirectory(directory: string): void {
  const name = "d".repeat(200);
  const script = `for i in $(seq 30); do mkdir ${name} && cd ${name} || exit 1; done; echo x > f`;
  const { status } = spawnSync("bash", ["-c", script], { cwd: directory });
  if (status !== 0) throw new Error(`no deep directory in ${directory}`);
}
