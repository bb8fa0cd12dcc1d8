// Which changes could bend the check instead of passing it, told from paths alone.
//
// Globs are matched against whole paths from the repository's root, dot files included: `*.snap` means
// the root's own, `**/*.snap` all. A pattern also covers what lies below it: `tests` means `tests/**` too.
import { checkScripts, recipesOf } from "./check-files.ts";
import { shadowsModule } from "./steering.ts";
import { isLikeSource } from "./test-names.ts";
import { joinPath, matcher } from "./tree-paths.ts";

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
  ...anywhere(".babelrc* babel.config.* bunfig.toml .npmrc .yarnrc* .pnpmfile.* .pnp.*"),
  ...anywhere(".rspec spec_helper.rb rails_helper.rb phpunit.xml* phpunit.dist.xml Pest.php nextest.toml"),
  ...anywhere("junit-platform.properties *.runsettings GNUmakefile CTestTestfile.cmake .prove"),
  ...below("pytest _pytest unittest sitecustomize usercustomize node_modules .mvn .cargo .bundle"),
  // Modules in the place of others, and what runs before the tests are compiled.
  ...anywhere("go.work vendor/modules.txt build.rs"),
  // Read by test tools and their like by themselves: NODE_OPTIONS may be in them.
  ...anywhere(".env{,.local,.test,.test.local,.development,.development.local,.ci}"),
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
  "pyproject.toml setup.cfg hatch.toml Cargo.toml go.mod tsconfig*.json jsconfig.json deno.json* {nx,turbo,lerna}.json pnpm-workspace.yaml",
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
  /** Paths whose being there lets make take its targets as made (`makeTargetFiles`). */
  targets?: readonly string[];
  /** What the check's scripts run and source of the check's own, and why each counts (`followScripts`). */
  followed?: ReadonlyMap<string, string>;
  /** What they run that may as well be the product. */
  unclear?: ReadonlyMap<string, string>;
  /** Where it runs, relative to the checkout's root; "" or "." is the root. */
  checkCwd: string;
  /** `validation.protected`, in place of the defaults for tests. */
  configured: readonly string[] | null;
  /** Globs of what the person or the approved plan lets change. */
  mayChange: readonly string[];
  /** Globs of a plan that nobody has read: they let existing tests change, and nothing else. */
  unreadMayChange?: readonly string[];
  /** Changed paths that are called like tests and, by their content, are none (`isSourceByContent`). */
  sources?: ReadonlySet<string>;
  /** Changed recipes by which the check does what it did (`onlyAddsRules`). */
  harmless?: ReadonlySet<string>;
}

export interface Classes {
  /** Protected at the base and changed or removed, or new and able to steer others. */
  needSecondRun: string[];
  /** The check's own script, CI configuration, Loopr's configuration: not without permission. */
  forbidden: Forbidden[];
  /** Either of those, permitted. */
  allowed: string[];
  /** Run by the check, and by its place as likely the product: it may change, and is told. */
  told: string[];
  /** Sources that have more tests in them than before; new ones may be tests as a whole. Absent: none. */
  moreTests?: readonly string[];
  /** What sources are with the tests in them as they were, by their paths. Absent: none. */
  asBefore?: ReadonlyMap<string, string>;
}

export interface Forbidden {
  path: string;
  /** A part of a sentence: `the check runs it`. */
  why: string;
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
  const isCalledRecipe = matcher(running.flatMap((command) => recipesOf(command, request.checkCwd)));
  const isRecipe = (path: string) => isCalledRecipe(path) && !request.harmless?.has(path);
  const included = new Set(request.included?.filter((path) => !request.harmless?.has(path)));
  const isSettings = matcher(settings);
  const mayChange = matcher(request.mayChange);
  const isNamedByPlan = matcher(request.unreadMayChange ?? []);
  const scripts = new Set(commands.flatMap((command) => checkScripts(command, request.checkCwd, atBase)));
  const whyForbidden = (path: string): string | null => {
    if (isCi(path)) return "it is configuration of CI";
    if (isOwn(path)) return "it is Loopr's own configuration";
    if (scripts.has(path)) return "the check runs it";
    if (!atBase.has(path)) return null;
    if (isRecipe(path)) return "the check's recipes are in it";
    if (included.has(path)) return "recipes of the check include it";
    // A test counts as one: the check runs again with it as it was.
    return isCalledTest(path) ? null : (request.followed?.get(path) ?? null);
  };

  const importPath = new Set(["", joinPath("", request.checkCwd), ...testDirectories(request)]);
  const directories = directoriesOf(request.baseFiles);
  const shadows = (path: string) => shadowsModule(path, importPath, (name) => directories.has(name));

  const newTargets = (request.targets ?? []).filter((path) => !atBase.has(path) && !directories.has(path));
  const makesIdle = (path: string) =>
    newTargets.some((target) => path === target || path.startsWith(`${target}/`));

  const classes: Classes = { needSecondRun: [], forbidden: [], allowed: [], told: [] };
  for (const { path } of request.changes) {
    if (isArtifact(path)) continue;
    const existed = atBase.has(path);
    const why = whyForbidden(path);
    const steers = isSteering(path) || isRecipe(path) || included.has(path) || makesIdle(path);
    const second = steers || (existed ? isTest(path) || isSettings(path) : shadows(path));
    if (why === null && !second) {
      if (existed && request.configured === null && request.unclear?.has(path)) classes.told.push(path);
    } else if (mayChange(path)) classes.allowed.push(path);
    else if (why !== null) classes.forbidden.push({ path, why });
    else if (existed && isTest(path) && !steers && isNamedByPlan(path)) classes.allowed.push(path);
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

function anywhere(names: string): string[] {
  return names.split(" ").map((name) => `**/${name}`);
}

function below(directories: string): string[] {
  return directories.split(" ").map((directory) => `**/${directory}/**`);
}
