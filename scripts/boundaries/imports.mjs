// Holds the import table: what each file of src/ and test/e2e imports, and how.
import { builtinModules } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import ts from "typescript";
import { entry, entryStatic, folders, packages, pureFolders } from "./table.mjs";

/** Imports of a file: `{ specifier, typeOnly, dynamic, reexport, line }`. */
export function importsOf(source) {
  const found = [];
  const add = (node, specifier, typeOnly, kind = "static") => {
    if (specifier && ts.isStringLiteralLike(specifier)) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      found.push({ specifier: specifier.text, typeOnly, kind, line });
    }
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly, "reexport");
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false, "dynamic");
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly(clause) {
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const names = clause.namedBindings;
  return (
    !clause.name && !!names && ts.isNamedImports(names) && names.elements.every((name) => name.isTypeOnly)
  );
}

/** Problems of the imports of one file of src/, tests apart. `path` is relative to src/. */
export function importProblems(root, path, source) {
  const problems = [];
  const folder = path.includes("/") ? path.split("/")[0] : null;
  const say = (at, what, remedy) => problems.push({ file: `src/${path}`, line: at.line, what, remedy });
  if (folder !== null && !(folder in folders)) {
    say(
      { line: 1 },
      `src/${folder} is not in the import table`,
      "add its row to scripts/boundaries/table.mjs and ARCHITECTURE.md",
    );
    return problems;
  }
  for (const found of importsOf(source)) {
    if (found.kind === "reexport" && found.specifier.startsWith("."))
      say(found, `re-exports ${found.specifier}`, "import from where a thing is defined: no barrels");
    const target = found.specifier.startsWith(".") ? relativeToSrc(root, path, found.specifier) : null;
    if (target === null) packageProblem(path, folder, found, say);
    else if (target.startsWith(".."))
      say(found, `imports ${found.specifier}, outside src/`, "src/ holds all that the program needs");
    else if (path === entry) entryProblem(target, found, say);
    else if (!target.includes("/"))
      say(found, `imports ${target}`, "the entry only wires: nothing imports it");
    else if (!allowed(folder, target, found.typeOnly)) tableProblem(folder, target, found, say);
  }
  return problems;
}

function relativeToSrc(root, path, specifier) {
  const absolute = join(dirname(join(root, "src", path)), specifier);
  return relative(join(root, "src"), absolute).split(sep).join("/");
}

function allowed(folder, target, typeOnly) {
  if (target.startsWith(`${folder}/`)) return true;
  return folders[folder].some((rule) => {
    const forTypes = rule.startsWith("types:");
    const place = forTypes ? rule.slice("types:".length) : rule;
    const matches = place.endsWith(".ts") ? target === place : target.startsWith(`${place}/`);
    return matches && (!forTypes || typeOnly);
  });
}

function tableProblem(folder, target, found, say) {
  const may = folders[folder].join(", ") || "no other folder";
  const asType = !found.typeOnly && allowed(folder, target, true);
  say(
    found,
    `${folder}/ may not import ${target}`,
    asType
      ? "import only its types: `import type { … }`"
      : `${folder}/ may import ${may}. Move the code to where both may reach it, or take it as an argument from the composition root`,
  );
}

function entryProblem(target, found, say) {
  const static_ = found.kind === "static" && !found.typeOnly;
  if (static_ && !entryStatic.includes(target.split("/")[0]))
    say(
      found,
      `imports ${target} although its role may not be chosen`,
      `use \`await import("./${target}")\` in the branch of that role`,
    );
}

function packageProblem(path, folder, found, say) {
  const name = packageName(found.specifier);
  if (name === "bun" || name.startsWith("bun:"))
    return say(
      found,
      `imports ${found.specifier}`,
      "src/ uses only node: modules, so that Node stays a way back",
    );
  const rule = packages[name];
  const permitted = rule?.some((place) => place === "*" || place === path || place === folder);
  if (name.startsWith("node:")) {
    if (pureFolders.includes(folder))
      return say(
        found,
        `${folder}/ imports ${name}`,
        `${pureFolders.join(", ")} compile without the platform: take what you need as an argument`,
      );
    if (rule && !permitted) return say(found, `imports ${name}`, `only ${rule.join(", ")} may`);
    return undefined;
  }
  if (builtinModules.includes(name)) return say(found, `imports ${name}`, `write node:${name}`);
  if (!rule)
    return say(
      found,
      `imports the package ${name}`,
      "say in scripts/boundaries/table.mjs which folder it belongs to",
    );
  if (!permitted)
    return say(
      found,
      `imports the package ${name}`,
      `only ${rule.map((place) => `src/${place}`).join(", ")} may: go through it`,
    );
  return undefined;
}

export function packageName(specifier) {
  if (specifier.startsWith("node:") || specifier.startsWith("bun:")) return specifier;
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

/** End-to-end tests know only the built program: nothing of src/. */
export function e2eProblems(root, path, source) {
  return importsOf(source)
    .filter((found) => found.specifier.startsWith("."))
    .filter(
      (found) => relative(root, join(dirname(join(root, path)), found.specifier)).split(sep)[0] === "src",
    )
    .map((found) => ({
      file: path,
      line: found.line,
      what: `imports ${found.specifier}`,
      remedy: "an end-to-end test drives the built program; what it needs of its own goes to test/support",
    }));
}
