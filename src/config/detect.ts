// Guesses how a project is tested, from the files at its root. Only `init` and `doctor` ask, and a person
// sees the guess before it counts.
import { accessSync, constants, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import * as z from "zod/mini";
import { messageOf } from "../lib/errors.ts";
import { readSmallFile } from "./read.ts";

export interface Detected {
  ecosystem: string;
  /** For `validation.command`. */
  command: string;
  /** For `worktree.setup`: installs what a fresh worktree lacks. Null: nothing to install. */
  setup: string | null;
  /** The file that gave it away. */
  because: string;
}

/**
 * Every way that was found, the most telling first. Never throws: a file that cannot be read says nothing, and a
 * problem of one that would have told is handed to `onProblem`, as a sentence.
 */
export function detectChecks(root: string, onProblem: (problem: string) => void = () => {}): Detected[] {
  const project = look(root, onProblem);
  return [javascript, python, cargo, go, gradle, maven, make, script].flatMap(
    (detect) => detect(project) ?? [],
  );
}

interface Look {
  files: ReadonlySet<string>;
  /** Null where it cannot be read, which has been told. */
  read(name: string): string | null;
  text(name: string): string;
  executable(name: string): boolean;
  /** Says what is wrong with a file. */
  problem(text: string): void;
  /** A file of that name at the root or where tests usually are; null where there is none. */
  testFile(name: RegExp): string | null;
}

function look(root: string, onProblem: Look["problem"]): Look {
  const read = (name: string): string | null => {
    try {
      return readSmallFile(join(root, name), manifestBytesMax);
    } catch (error) {
      onProblem(messageOf(error));
      return null;
    }
  };
  const names = (directory = ""): string[] => {
    try {
      return readdirSync(join(root, directory));
    } catch {
      return [];
    }
  };
  return {
    files: new Set(names()),
    testFile: (name) =>
      ["", "test", "tests", "src", "__tests__"]
        .flatMap((directory) => names(directory).map((file) => join(directory, file)))
        .find((path) => name.test(basename(path))) ?? null,
    read,
    text: (name) => read(name) ?? "",
    problem: onProblem,
    executable: (name) => {
      try {
        accessSync(join(root, name), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    },
  };
}

const manifestBytesMax = 1024 * 1024;

const Manifest = z.object({
  scripts: z.optional(z.record(z.string(), z.unknown())),
  packageManager: z.optional(z.string()),
  dependencies: z.optional(z.record(z.string(), z.unknown())),
  devDependencies: z.optional(z.record(z.string(), z.unknown())),
});

const managers = {
  npm: { locks: ["package-lock.json", "npm-shrinkwrap.json"], test: "npm test", setup: "npm ci" },
  pnpm: { locks: ["pnpm-lock.yaml"], test: "pnpm test", setup: "pnpm install --frozen-lockfile" },
  yarn: { locks: ["yarn.lock"], test: "yarn test", setup: "yarn install --frozen-lockfile" },
  bun: { locks: ["bun.lock", "bun.lockb"], test: "bun run test", setup: "bun install --frozen-lockfile" },
} as const;
type ManagerName = keyof typeof managers;
const managerNames = ["pnpm", "yarn", "bun", "npm"] as const satisfies readonly ManagerName[];

function javascript(project: Look): Detected | null {
  if (!project.files.has("package.json")) return null;
  const manifest = parseManifest(project);
  if (!manifest) return null;
  const test = manifest.scripts?.["test"];
  // What `npm init` writes where there are no tests.
  const hasScript = typeof test === "string" && !/no test specified/.test(test);
  const locked = managerNames.filter((name) => managers[name].locks.some((lock) => project.files.has(lock)));
  const declared = managerNames.find((name) => manifest.packageManager?.startsWith(`${name}@`));
  const name = declared ?? locked[0] ?? "npm";
  const depends = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0;
  const setup = !depends ? null : locked.includes(name) ? managers[name].setup : `${name} install`;
  if (hasScript) return { ecosystem: name, command: managers[name].test, setup, because: "package.json" };
  // Bun runs the tests that it finds by their names.
  const found =
    name === "bun" && test === undefined ? project.testFile(/[._](test|spec)\.[cm]?[jt]sx?$/) : null;
  return found === null ? null : { ecosystem: name, command: "bun test", setup, because: found };
}

function parseManifest(project: Look): z.infer<typeof Manifest> | null {
  const text = project.read("package.json");
  if (text === null) return null;
  try {
    const parsed = Manifest.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue?.path.length ? `${issue.path.join(".")}: ` : "";
    project.problem(`package.json is not as npm wants it: ${where}${issue?.message ?? "it cannot be used"}`);
  } catch (error) {
    project.problem(`package.json is not valid JSON: ${messageOf(error)}`);
  }
  return null;
}

function python(project: Look): Detected | null {
  const signs: [string, RegExp][] = [
    ["pytest.ini", /^/],
    ["conftest.py", /^/],
    ["pyproject.toml", /pytest/],
    ["setup.cfg", /^\[tool:pytest\]/m],
    ["tox.ini", /pytest/],
    ["requirements.txt", /^pytest/m],
    ["requirements-dev.txt", /^pytest/m],
  ];
  const sign = signs.find(([name, pattern]) => project.files.has(name) && pattern.test(project.text(name)));
  const isPython = ["requirements.txt", "pyproject.toml", "setup.py"].some((name) => project.files.has(name));
  const because = sign?.[0] ?? (isPython ? project.testFile(/^test_.*\.py$|_test\.py$/) : null);
  if (because === null) return null;
  if (project.files.has("uv.lock")) {
    return { ecosystem: "pytest", command: "uv run pytest -q", setup: "uv sync --frozen", because };
  }
  if (project.files.has("poetry.lock")) {
    return { ecosystem: "pytest", command: "poetry run pytest -q", setup: "poetry install", because };
  }
  return { ecosystem: "pytest", command: "python3 -m pytest -q", setup: null, because };
}

const plain = (file: string, ecosystem: string, command: string) => (project: Look) =>
  project.files.has(file) ? { ecosystem, command, setup: null, because: file } : null;

const cargo = plain("Cargo.toml", "cargo", "cargo test");
const go = plain("go.mod", "go", "go test ./...");

function gradle(project: Look): Detected | null {
  const because = ["build.gradle", "build.gradle.kts"].find((name) => project.files.has(name));
  if (because === undefined) return null;
  const command = project.files.has("gradlew") ? "./gradlew test" : "gradle test";
  return { ecosystem: "gradle", command, setup: null, because };
}

function maven(project: Look): Detected | null {
  if (!project.files.has("pom.xml")) return null;
  const command = project.files.has("mvnw") ? "./mvnw -B -q test" : "mvn -B -q test";
  return { ecosystem: "maven", command, setup: null, because: "pom.xml" };
}

function make(project: Look): Detected | null {
  const because = ["GNUmakefile", "makefile", "Makefile"].find((name) => project.files.has(name));
  if (because === undefined) return null;
  const text = project.text(because);
  const target = ["test", "check"].find((name) => new RegExp(`^${name}\\s*::?(?!=)`, "m").test(text));
  return target === undefined ? null : { ecosystem: "make", command: `make ${target}`, setup: null, because };
}

function script(project: Look): Detected | null {
  const because = ["test.sh", "run-tests.sh", "run_tests.sh"].find((name) => project.files.has(name));
  if (because === undefined) return null;
  const command = project.executable(because) ? `./${because}` : `sh ${because}`;
  return { ecosystem: "script", command, setup: null, because };
}
