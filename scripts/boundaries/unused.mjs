// Finds what nothing uses: files, exports, configuration keys, packages.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { importsOf, packageName } from "./imports.mjs";
import { entry } from "./table.mjs";

/** Files of src/ that cannot be reached from the entry by imports of any kind. */
export function unusedFiles(root, sources) {
  const byPath = new Map(sources.map((source) => [resolve(source.fileName), source]));
  const reached = new Set();
  const queue = [resolve(root, "src", entry)];
  while (queue.length) {
    const path = queue.pop();
    const source = byPath.get(path);
    if (!source || reached.has(path)) continue;
    reached.add(path);
    for (const { specifier } of importsOf(source))
      if (specifier.startsWith(".")) queue.push(resolve(dirname(path), specifier));
  }
  return [...byPath.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => ({
      file: relative(root, path).split(sep).join("/"),
      line: 1,
      what: `nothing leads here from src/${entry}`,
      remedy: "connect it or remove it: a part lands connected, or not at all",
    }));
}

/**
 * Exports that no other file of src/ (tests apart) uses. What its own file uses may be exported for a test;
 * a type also for its own file's exported signatures. `@public` in the comment before a declaration exempts
 * it; it says why.
 */
export function unusedExports(root, program, sources, otherFiles) {
  const checker = program.getTypeChecker();
  const tested = importedNames(otherFiles);
  const uses = collectUses(checker, sources);
  const problems = [];
  for (const source of sources) {
    if (relative(join(root, "src"), source.fileName) === entry) continue;
    const module = checker.getSymbolAtLocation(source);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = original(checker, exported);
      const declaration = symbol.declarations?.[0];
      if (!declaration || declaration.getSourceFile() !== source || isPublic(declaration)) continue;
      const used = uses.get(symbol) ?? { elsewhere: false, here: false };
      const typeOnly = !(symbol.flags & ts.SymbolFlags.Value);
      const forTest = tested.has(`${resolve(source.fileName)}#${symbol.name}`);
      if (used.elsewhere || (used.here && (typeOnly || forTest))) continue;
      problems.push({
        file: relative(root, source.fileName).split(sep).join("/"),
        line: source.getLineAndCharacterOfPosition(declaration.getStart(source)).line + 1,
        what: used.here
          ? `${symbol.name} is exported, and no other file uses it`
          : `nothing in src/ uses ${symbol.name}${forTest ? " but tests or scripts" : ""}`,
        remedy: used.here
          ? "drop `export`"
          : `connect it or remove it${forTest ? ", or say in its comment why it is there: `@public <why>`" : ""}`,
      });
    }
  }
  return problems;
}

/** What tests and scripts import from other files, as `path#name`. */
function importedNames(files) {
  const names = new Set();
  for (const file of files) {
    ts.forEachChild(file, (node) => {
      if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) return;
      const bindings = node.importClause?.namedBindings;
      if (!bindings || !ts.isNamedImports(bindings)) return;
      const target = resolve(dirname(file.fileName), node.moduleSpecifier.text);
      for (const { name, propertyName } of bindings.elements)
        names.add(`${target}#${(propertyName ?? name).text}`);
    });
  }
  return names;
}

function collectUses(checker, sources) {
  const uses = new Map();
  for (const source of sources) {
    const note = (symbol, node) => {
      if (!symbol) return;
      const target = original(checker, symbol);
      const declarations = target.declarations ?? [];
      if (declarations.some((declaration) => declaration.name === node)) return;
      const used = uses.get(target) ?? { elsewhere: false, here: false };
      if (declarations.some((declaration) => declaration.getSourceFile() === source)) used.here = true;
      else used.elsewhere = true;
      uses.set(target, used);
    };
    const visit = (node) => {
      if (ts.isIdentifier(node)) note(checker.getSymbolAtLocation(node), node);
      if (ts.isShorthandPropertyAssignment(node)) note(checker.getShorthandAssignmentValueSymbol(node), node);
      if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
        // const { thing } = await import("…")
        const name = node.propertyName ?? node.name;
        if (ts.isIdentifier(name)) note(checker.getTypeAtLocation(node.parent).getProperty(name.text), node);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return uses;
}

function original(checker, symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function isPublic(declaration) {
  return ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === "public");
}

/** Keys of the schema `Config` that nothing outside of config/ reads: they would promise what nobody does. */
export function deadConfigKeys(root, program, sources) {
  const checker = program.getTypeChecker();
  const home = sources.find((source) => source.fileName.endsWith("/src/domain/config.ts"));
  const module = home && checker.getSymbolAtLocation(home);
  const config = module && checker.getExportsOfModule(module).find((symbol) => symbol.name === "Config");
  if (!config) return [];
  const read = propertyNamesRead(
    sources.filter((source) => source !== home && !source.fileName.includes("/src/config/")),
  );
  const leaves = (type, path, depth) => {
    const properties = checker.isArrayType(type) ? [] : checker.getPropertiesOfType(type);
    const section =
      depth === 0 || (type.flags & ts.TypeFlags.Object && properties.length > 0 && !type.isUnion());
    if (!section) return [path];
    return properties.flatMap((property) =>
      leaves(checker.getTypeOfSymbol(property), [...path, property.name], depth + 1),
    );
  };
  return leaves(checker.getDeclaredTypeOfSymbol(config), [], 0)
    .filter((path) => !isRead(read, path))
    .map((path) => ({
      file: "src/domain/config.ts",
      line: 1,
      what: `nothing reads the configuration key ${path.join(".")}`,
      remedy: "give it its effect, with a test, or remove it: a key exists only if it does something",
    }));
}

/** Chains such as `config.limits.turns`, each as its names; of `config.limits[type]` the part before. */
function propertyNamesRead(sources) {
  const chains = new Set();
  const chain = (node) => {
    if (ts.isPropertyAccessExpression(node) || ts.isPropertyAccessChain(node))
      return [...chain(node.expression), node.name.text];
    if (ts.isElementAccessExpression(node)) return [...chain(node.expression), "*"];
    if (ts.isNonNullExpression(node) || ts.isParenthesizedExpression(node)) return chain(node.expression);
    return ts.isIdentifier(node) ? [node.text] : ["?"];
  };
  const visit = (node) => {
    if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node))
      chains.add(chain(node).join("."));
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = node.propertyName ?? node.name;
      if (ts.isIdentifier(name)) chains.add(`?.${name.text}`);
    }
    ts.forEachChild(node, visit);
  };
  for (const source of sources) visit(source);
  return chains;
}

/** The last two names of the key as a chain, or the section with a computed name, or the last name alone of a part handed on. */
function isRead(chains, path) {
  const last = path.at(-1);
  const section = path.at(-2);
  for (const chain of chains) {
    const names = chain.split(".");
    const end = names.at(-1);
    if (end === last && (names.length === 2 || names.at(-2) === section || names.at(-2) === "?")) return true;
    if (end === "*" && names.at(-2) === section) return true;
  }
  return false;
}

/** Packages that package.json names and nothing imports or runs, and those imported without being named. */
export function packageProblems(root, sources, otherFiles) {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [runtime, development] = [manifest.dependencies ?? {}, manifest.devDependencies ?? {}].map(
    Object.keys,
  );
  const problems = [];
  const say = (what, remedy) => problems.push({ file: "package.json", line: 1, what, remedy });
  const inSource = importedBy(sources);
  const elsewhere = importedBy(otherFiles);
  for (const name of runtime)
    if (!inSource.has(name))
      say(
        `the dependency ${name} is imported nowhere in src/`,
        `npm uninstall ${name}, or make it a devDependency`,
      );
  const text = [JSON.stringify(manifest.scripts ?? {}), ...otherFiles.map((file) => file.text)].join("\n");
  for (const name of development) {
    const run = binaries(root, name).some((bin) => new RegExp(`["'\`/ ]${bin}\\b`).test(text));
    const types = name.startsWith("@types/");
    if (!types && !elsewhere.has(name) && !run)
      say(`the devDependency ${name} is used nowhere`, `npm uninstall ${name}`);
  }
  const known = new Set([...runtime, ...development]);
  for (const name of [...inSource, ...elsewhere])
    if (!known.has(name)) say(`${name} is imported and not a dependency`, `npm install -E ${name}`);
  return problems;
}

function importedBy(files) {
  const names = files.flatMap((file) => importsOf(file).map(({ specifier }) => specifier));
  const packages = names.filter((name) => !/^(\.|\/|node:|bun$|bun:)/.test(name)).map(packageName);
  return new Set(packages);
}

function binaries(root, name) {
  const path = join(root, "node_modules", name, "package.json");
  if (!existsSync(path)) return [];
  const { bin } = JSON.parse(readFileSync(path, "utf8"));
  return typeof bin === "string" ? [name.split("/").at(-1)] : Object.keys(bin ?? {});
}
