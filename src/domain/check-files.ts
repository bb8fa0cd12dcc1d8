// The check's own files, as a command names them: scripts, and the recipes of the tools that it runs.
import { joinPath, matcher } from "./tree-paths.ts";

/** What a tool reads its recipes from, in the check's directory, where a command runs that tool. */
const recipes: readonly (readonly [tool: RegExp, files: readonly string[]])[] = [
  [/^g?make$/, ["Makefile", "makefile", "GNUmakefile"]],
  [/^just$/, ["justfile", "Justfile", ".justfile"]],
  [/^(go-)?task$/, ["Taskfile.{yml,yaml,dist.yml,dist.yaml}", "taskfile.{yml,yaml}"]],
  [/^(rake|rspec)$/, ["Rakefile", "rakefile", ".rspec"]],
  [/^tox$/, ["tox.ini", "tox.toml"]],
  [/^nox$/, ["noxfile.py"]],
  [/^ctest$/, ["CTestConfig.cmake"]],
  [/^(\.\/)?(mvnw|gradlew)$/, ["mvnw", "gradlew", ".mvn/**", "gradle/wrapper/**"]],
  [/^ninja$/, ["build.ninja"]],
];

/** The check's own files at the base: scripts that it names, and the recipes of the tools that it runs. */
export function checkFiles(command: string, checkCwd: string, baseFiles: readonly string[]): string[] {
  const isRecipe = matcher(recipesOf(command, checkCwd));
  const scripts = checkScripts(command, checkCwd, new Set(baseFiles));
  return [...new Set([...scripts, ...baseFiles.filter(isRecipe)])];
}

const commandStart = /[;&|()]+|\$\(|\b(?:then|do|else|exec|time|sudo|env)\b/;
const toolName =
  /^(?:\.\/)?(g?make|just|task|go-task|rake|rspec|tox|nox|ctest|mvnw|gradlew|ninja|npm|npx|pnpm|yarn|bun|bunx|node|jest|vitest|mocha|ava|tap|c8|nyc)$/;

/** The commands of a script or recipe that run a tool with recipes or settings of its own. */
export function toolCommands(content: string): string[] {
  return content
    .replaceAll("\\\n", " ")
    .replace(/\$[({]MAKE[)}]/g, "make")
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .flatMap((line) => line.split(commandStart))
    .map((command) => command.trim().replace(/^([@+-]\s*)?(\w+=\S*\s+)*/, ""))
    .filter((command) => toolName.test(command.split(/\s/)[0]?.split("/").at(-1) ?? ""));
}

/** Tracked files that a word of the command names: from the check's directory, a `cd`'s, or the root. */
export function checkScripts(command: string, checkCwd: string, atBase: ReadonlySet<string>): string[] {
  const words = wordsOf(command);
  const directories = ["", checkCwd];
  words.forEach((word, at) => {
    if (words[at - 1] === "cd") directories.push(joinPath(checkCwd, word));
  });
  const scripts: string[] = [];
  for (const word of words)
    for (const directory of directories) {
      // `file.py::test_name` and `file.js:12` are ways to name a test inside a file.
      for (const name of [word, word.split(":")[0] ?? word]) {
        const path = joinPath(directory, name);
        if (atBase.has(path)) scripts.push(path);
      }
    }
  return scripts;
}

/** Where the tools that a command runs read their recipes: globs. */
export function recipesOf(command: string, checkCwd: string): string[] {
  const words = wordsOf(command);
  const directories = [
    checkCwd,
    ...words.filter((_, at) => /^(cd|-C|--directory)$/.test(words[at - 1] ?? "")),
  ];
  return recipes.flatMap(([tool, files]) =>
    words.some((word) => tool.test(word.split("/").at(-1) ?? word))
      ? directories.flatMap((directory) => files.map((file) => joinPath(directory, file)))
      : [],
  );
}

/** The words of a shell command, as far as they can be told without running it. */
function wordsOf(command: string): string[] {
  const text = command.replaceAll("\\\n", " ");
  const quoted = [...text.matchAll(/"([^"]*)"|'([^']*)'/g)].map((match) => match[1] ?? match[2] ?? "");
  const escaped = [...text.matchAll(/(?:[^\s\\;|&()<>]|\\.)*\\ (?:[^\s\\;|&()<>]|\\.)*/g)];
  const spaced = [...quoted, ...escaped.map(([word]) => word.replace(/\\(.)/g, "$1"))];
  return [...text.split(/[\s;|&()<>{}"'`=,$]+/), ...spaced].filter((word) => word !== "");
}
