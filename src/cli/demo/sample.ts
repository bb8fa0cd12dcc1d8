// The sample repository of `loopr demo`: a small program with a test command, both POSIX sh, so that nothing
// else need be installed. Run by name of the shell, since temporary folders may be mounted noexec. Strings,
// so that the single executable has them.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gitAt } from "../../git/exec.ts";

export const sampleBranch = "main";
export const sampleCheck = "sh test.sh";

const sampleFiles: Readonly<Record<string, { text: string; executable?: boolean }>> = {
  tally: {
    executable: true,
    text: `#!/bin/sh
# tally COMMAND: says something about the text on standard input. Each command is a file in commands/.
here=$(dirname "$0")
case \${1:-} in
"" | *[!a-z]*) ;;
*) [ -f "$here/commands/$1.sh" ] && exec sh "$here/commands/$1.sh" ;;
esac
echo "usage: tally COMMAND <TEXT" >&2
for file in "$here"/commands/*.sh; do
  echo "  $(basename "$file" .sh)" >&2
done
exit 2
`,
  },
  "commands/lines.sh": { text: `# Counts the lines.\nwc -l | tr -d ' '\n` },
  "commands/words.sh": { text: `# Counts the words.\nwc -w | tr -d ' '\n` },
  "test.sh": {
    executable: true,
    text: `#!/bin/sh
# Runs every test in tests/. Exits with 1 if one of them fails, or if there is none.
cd "$(dirname "$0")" || exit 1
passed=0
failed=0
expect() { # expect WHAT WANTED GOT
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $1: wanted '$2', got '$3'"
  fi
}
for file in tests/*.sh; do
  . "./$file"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
`,
  },
  "tests/lines.sh": { text: `expect "lines counts lines" 2 "$(printf 'a\\nb\\n' | sh tally lines)"\n` },
  "tests/words.sh": { text: `expect "words counts words" 3 "$(printf 'a b\\nc\\n' | sh tally words)"\n` },
  "README.md": {
    text: `# tally

Says something about a text: \`sh tally words <README.md\`. \`sh test.sh\` tests it.

| command | prints |
| --- | --- |
| lines | the number of lines |
| words | the number of words |
`,
  },
};

/** Writes the files and commits them, whatever the person's own git configuration says. */
export async function makeSample(
  directory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  for (const [path, { text, executable = false }] of Object.entries(sampleFiles)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text, { mode: executable ? 0o755 : 0o644 });
  }
  const git = gitAt(env, { kind: "discover", directory });
  const variables = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const run = (...args: string[]) => git(args, { variables });
  await run("init", "--quiet", "--template=", `--initial-branch=${sampleBranch}`);
  await run("config", "user.name", "Loopr demo");
  await run("config", "user.email", "demo@localhost");
  await run("config", "core.autocrlf", "false");
  await run("add", "--force", "--", ...Object.keys(sampleFiles));
  await run("commit", "--quiet", "-m", "tally: counts lines and words");
}
