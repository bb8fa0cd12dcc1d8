// npm run check, part "boundaries": the import table, what nothing uses, and folders that must compile
// without the platform. `node scripts/boundaries.mjs [ROOT]`
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { e2eProblems, importProblems } from "./boundaries/imports.mjs";
import { pureFolders } from "./boundaries/table.mjs";
import { deadConfigKeys, packageProblems, unusedExports, unusedFiles } from "./boundaries/unused.mjs";

/** All problems of a checkout: `{ file, line, what, remedy }`. */
export function inspect(root) {
  const files = listed(root, "src").filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const program = ts.createProgram(files, compilerOptions(root));
  const sources = files.map((file) => program.getSourceFile(file)).filter((source) => source);
  const others = otherFiles(root);
  const e2e = others.filter((source) => relative(root, source.fileName).startsWith(join("test", "e2e")));
  return [
    ...sources.flatMap((source) => importProblems(root, inSource(root, source), source)),
    ...e2e.flatMap((source) => e2eProblems(root, relative(root, source.fileName), source)),
    ...unusedFiles(root, sources),
    ...unusedExports(root, program, sources, others),
    ...deadConfigKeys(root, program, sources),
    ...packageProblems(root, sources, others),
    ...platformProblems(root, sources),
  ];
}

function inSource(root, source) {
  return relative(join(root, "src"), source.fileName).split(sep).join("/");
}

function listed(root, folder) {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name))
    .sort();
}

function compilerOptions(root) {
  const path = join(root, "tsconfig.json");
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  return ts.convertCompilerOptionsFromJson(config?.compilerOptions ?? {}, root).options;
}

/** Tests, scripts and configuration: parsed only, to see which packages they use. */
function otherFiles(root) {
  const top = readdirSync(root)
    .filter((name) => /\.(m?js|ts)$/.test(name))
    .map((name) => join(root, name));
  const tests = listed(root, "src").filter((file) => file.endsWith(".test.ts"));
  return [...top, ...listed(root, "test"), ...listed(root, "scripts"), ...tests]
    .filter(
      (file) => /\.(ts|mjs|js)$/.test(file) && !relative(root, file).startsWith(join("test", "fixtures")),
    )
    .map((file) => ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true));
}

/** The describing folders are compiled once more, without Node's types. */
function platformProblems(root, sources) {
  const files = sources
    .map((source) => source.fileName)
    .filter((file) => pureFolders.includes(relative(join(root, "src"), file).split(sep)[0]));
  const program = ts.createProgram(files, { ...compilerOptions(root), types: [] });
  return files.flatMap((file) =>
    program.getSemanticDiagnostics(program.getSourceFile(file)).map((diagnostic) => ({
      file: relative(root, file),
      line: (diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0) + 1,
      what: `without the platform's types: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")}`,
      remedy: `${pureFolders.join(", ")} describe and run nothing: move what needs the platform to lib/ or to its adapter`,
    })),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
  const problems = inspect(root);
  for (const { file, line, what, remedy } of problems) console.error(`${file}:${line}: ${what}\n  ${remedy}`);
  if (problems.length) console.error(`${problems.length} problem${problems.length > 1 ? "s" : ""}`);
  process.exit(problems.length ? 1 : 0);
}
