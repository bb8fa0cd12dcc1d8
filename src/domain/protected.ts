// Which changes could bend the check instead of passing it, told from paths alone.
//
// Globs are matched against whole paths from the repository's root, dot files included: `*.snap` means
// the root's own, `**/*.snap` all. A pattern also covers what lies below it: `tests` means `tests/**` too.
import picomatch from "picomatch";
import { shadowsModule } from "./steering.ts";
import { isLikeSource } from "./test-names.ts";

/** Tests, by the conventions of the common ecosystems. */
export const protectedDefaults: readonly string[] = [
  ...anywhere("*_test.* *_tests.* *_spec.* *.test.* *.tests.* *.spec.* *-test.* *-tests.* test-*.* test_*.*"),
  ...anywhere("*-spec.{js,jsx,mjs,cjs,ts,tsx,mts,cts,coffee,rb,lua,cr} {run-test,run_test,runtest}{,s}{,.*}"),
  ...anywhere("test.* tests.* *.t *.bats *.snap *.feature Test*.java"),
  ...anywhere("*{Test,Tests,TestCase,IT,Spec}.{java,kt,kts,scala,groovy,cs,fs,vb,swift,php}"),
  ...below("test tests __tests__ spec specs testdata __snapshots__ __mocks__ e2e"),
];

/** Files that change what other tests do or which of them run: a new one counts as much as a changed one. */
const steering: readonly string[] = [
  ...anywhere("conftest.py sitecustomize.py usercustomize.py *.pth {pytest,unittest,_pytest}.py noxfile.py"),
  ...anywhere("pytest.{ini,toml} .pytest.{ini,toml} tox.{ini,toml} .coveragerc nose.cfg"),
  ...anywhere(
    "{jest,vitest,vite,playwright,cypress,ava,web-test-runner,wdio,nightwatch}.{config,workspace}.*",
  ),
  ...anywhere("{jest,vitest}.setup.* setupTests.* karma.conf.* .mocharc* .nycrc* .c8rc* .taprc"),
  ...anywhere(".babelrc* babel.config.* bunfig.toml .npmrc .yarnrc* .pnpmfile.*"),
  ...anywhere(".rspec spec_helper.rb rails_helper.rb phpunit.xml* phpunit.dist.xml Pest.php nextest.toml"),
  ...anywhere("junit-platform.properties *.runsettings GNUmakefile CTestTestfile.cmake .prove"),
  ...below("pytest _pytest unittest sitecustomize usercustomize node_modules .mvn .cargo .bundle"),
  // How files are written out, and so what a check reads.
  ...anywhere(".gitattributes"),
  // What a linter or type checker looks at.
  ...anywhere(
    ".eslintrc* .eslintignore eslint.config.* .oxlintrc* biome.json* .stylelintrc* .prettierignore",
  ),
  ...anywhere("ruff.toml .ruff.toml {,.}mypy.ini .flake8 {,.}pylintrc pyrightconfig.json .golangci.*"),
  ...anywhere("{,.}clippy.toml .rubocop* phpstan*.neon* psalm.xml* .shellcheckrc"),
  // At the root a new one takes precedence over what configured the tests before.
  "pyproject.toml",
  "setup.cfg",
];

/** Settings of tests beside dependencies (manifests.ts tells which changed). A new one is a new package's. */
const settings: readonly string[] = anywhere(
  "pyproject.toml setup.cfg Cargo.toml go.mod tsconfig*.json jsconfig.json deno.json*",
);

const continuousIntegration: readonly string[] = [
  ".github/workflows/**",
  ".github/actions/**",
  ".gitea/workflows/**",
  ".forgejo/workflows/**",
  ".gitlab-ci.{yml,yaml}",
  ".gitlab/ci/**",
  ".circleci/**",
  ".ci/**",
  ".buildkite/**",
  ".azure-pipelines/**",
  ".azuredevops/**",
  ".teamcity/**",
  ".semaphore/**",
  ".builds/**",
  ".woodpecker/**",
  ".{travis,drone,woodpecker,cirrus,appveyor,build}.{yml,yaml}",
  "{appveyor,azure-pipelines*,bitbucket-pipelines,buildspec,cloudbuild,codefresh,wercker}.{yml,yaml}",
  "**/Jenkinsfile*",
];

const ownConfiguration: readonly string[] = [".loopr.yml", ".loopr.yaml", ".loopr/**"];
/** Loopr writes these itself. */
const ownArtifacts: readonly string[] = [".loopr/plans/**"];

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

export interface ClassifyRequest {
  changes: readonly { status: "added" | "modified" | "deleted"; path: string }[];
  /** Tracked paths at the base commit. */
  baseFiles: readonly string[];
  /** The check; "" where it is waived. */
  command: string;
  /** Commands that the check runs by way of package.json (`packageScripts`). */
  indirect?: readonly string[];
  /** Commands in the check's scripts and recipes (`toolCommands`): they name tools, and code under test too. */
  nested?: readonly string[];
  /** Files that the recipes include (`makeIncludes`), there at the base or not. */
  included?: readonly string[];
  /** Where it runs, relative to the checkout's root; "" or "." is the root. */
  checkCwd: string;
  /** `validation.protected`, in place of the defaults for tests. */
  configured: readonly string[] | null;
  /** Globs of what the person or the approved plan lets change. */
  mayChange: readonly string[];
  /** Changed paths that are called like tests and, by their content, are none (`isSourceByContent`). */
  sources?: ReadonlySet<string>;
}

export interface Classes {
  /** Protected at the base and changed or removed, or new and able to steer others. */
  needSecondRun: string[];
  /** The check's own script, CI configuration, Loopr's configuration: not without permission. */
  forbidden: string[];
  /** Either of those, permitted. */
  allowed: string[];
}

/** Each changed path is in one class at most; most changes are in none. */
export function classifyChanges(request: ClassifyRequest): Classes {
  const atBase = new Set(request.baseFiles);
  const isCi = matcher(continuousIntegration);
  const isOwn = matcher(ownConfiguration);
  const isArtifact = matcher(ownArtifacts);
  const isCalledTest = matcher(request.configured ?? protectedDefaults);
  const isTest = (path: string) => isCalledTest(path) && !request.sources?.has(path);
  const isSteering = matcher(steering);
  const commands = [request.command, ...(request.indirect ?? [])];
  const running = [...commands, ...(request.nested ?? [])];
  const isRecipe = matcher(running.flatMap((command) => recipesOf(command, request.checkCwd)));
  const included = new Set(request.included ?? []);
  const isSettings = matcher(settings);
  const mayChange = matcher(request.mayChange);
  const scripts = new Set(commands.flatMap((command) => checkScripts(command, request.checkCwd, atBase)));

  const importPath = new Set(["", joinPath("", request.checkCwd), ...testDirectories(request)]);
  const directories = directoriesOf(request.baseFiles);
  const shadows = (path: string) => shadowsModule(path, importPath, (name) => directories.has(name));

  const classes: Classes = { needSecondRun: [], forbidden: [], allowed: [] };
  for (const { path } of request.changes) {
    if (isArtifact(path)) continue;
    const existed = atBase.has(path);
    const forbidden =
      isCi(path) || isOwn(path) || scripts.has(path) || (existed && (isRecipe(path) || included.has(path)));
    const second =
      isSteering(path) ||
      isRecipe(path) ||
      included.has(path) ||
      (existed ? isTest(path) || isSettings(path) : shadows(path));
    if (!forbidden && !second) continue;
    if (mayChange(path)) classes.allowed.push(path);
    else if (forbidden) classes.forbidden.push(path);
    else classes.needSecondRun.push(path);
  }
  return classes;
}

/** Directories that hold tests at the base; runners put them on the import path. */
function testDirectories({ baseFiles, configured }: ClassifyRequest): Set<string> {
  const isTest = matcher(configured ?? protectedDefaults);
  return new Set(baseFiles.filter(isTest).map((path) => path.split("/").slice(0, -1).join("/")));
}

function directoriesOf(files: readonly string[]): Set<string> {
  const found = new Set<string>();
  for (const file of files) {
    for (let end = file.lastIndexOf("/"); end > 0; end = file.lastIndexOf("/", end - 1)) {
      const directory = file.slice(0, end);
      if (found.has(directory)) break;
      found.add(directory);
    }
  }
  return found;
}

/** New files among the changes that are tests by their path. */
export function newTests(request: Pick<ClassifyRequest, "changes" | "configured" | "sources">): string[] {
  const isTest = matcher(request.configured ?? protectedDefaults);
  return request.changes
    .filter(({ status, path }) => status === "added" && isTest(path) && !request.sources?.has(path))
    .map(({ path }) => path);
}

/** Changed paths that only their content can tell from tests; none where the person says what is protected. */
export function doubtfulTests(request: Pick<ClassifyRequest, "changes" | "configured">): string[] {
  if (request.configured !== null) return [];
  return request.changes.map(({ path }) => path).filter(isLikeSource);
}

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
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .flatMap((line) => line.split(commandStart))
    .map((command) => command.trim().replace(/^([@+-]\s*)?(\w+=\S*\s+)*/, ""))
    .filter((command) => toolName.test(command.split(/\s/)[0]?.split("/").at(-1) ?? ""));
}

/** Tracked files that a word of the command names: from the check's directory, a `cd`'s, or the root. */
function checkScripts(command: string, checkCwd: string, atBase: ReadonlySet<string>): string[] {
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

function recipesOf(command: string, checkCwd: string): string[] {
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

/** `directory/name` without `.` and `..`; a path out of the repository never equals a tracked one. */
export function joinPath(directory: string, name: string): string {
  const parts: string[] = [];
  for (const part of `${directory}/${name}`.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Whether a path is one of these globs, names or directories. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const cleaned = patterns.map((pattern) => pattern.replace(/^(\.\/)+/, "").replace(/\/+$/, ""));
  const matches = cleaned.flatMap((pattern) =>
    pattern === ""
      ? []
      : [pattern, `${pattern}/**`].map((glob) => picomatch(glob, { dot: true, nonegate: true })),
  );
  // A name with brackets (`[id].test.ts`) is meant as it stands too.
  return (path) =>
    cleaned.some((pattern) => path === pattern || (pattern !== "" && path.startsWith(`${pattern}/`))) ||
    matches.some((match) => match(path));
}

function anywhere(names: string): string[] {
  return names.split(" ").map((name) => `**/${name}`);
}

function below(directories: string): string[] {
  return directories.split(" ").map((directory) => `**/${directory}/**`);
}
