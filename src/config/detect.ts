// Guesses how a project is tested, from the files at its root. Only `init` and `doctor` ask, and a person
// sees the guess before it counts.
import { accessSync, constants, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import * as z from "zod/mini";
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

/** Every way that was found, the most telling first. Never throws: an unreadable file says nothing. */
export function detectChecks(root: string): Detected[] {
  const project = look(root);
  return [javascript, python, cargo, go, gradle, maven, make, script].flatMap(
    (detect) => detect(project) ?? [],
  );
}

interface Look {
  files: ReadonlySet<string>;
  text(name: string): string;
  executable(name: string): boolean;
  /** A file of that name at the root or where tests usually are; null where there is none. */
  testFile(name: RegExp): string | null;
}

function look(root: string): Look {
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
    text: (name) => {
      try {
        return readSmallFile(join(root, name), manifestBytesMax) ?? "";
      } catch {
        return "";
      }
    },
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
  const manifest = parseManifest(project.text("package.json"));
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

function parseManifest(text: string): z.infer<typeof Manifest> | null {
  try {
    return Manifest.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
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
