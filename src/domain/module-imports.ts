// What a program in JavaScript or Python imports of the repository's own files, by names that stand in its text.
import { joinPath } from "./tree-paths.ts";

export interface Program {
  content: string;
  /** Its path in the repository. */
  path: string;
  /** Where the check is run, relative to the root. */
  cwd: string;
}

/** Tracked paths that a program imports: relative ones in JavaScript; in Python, from its folder and those above it. */
export function moduleImports(program: Program, atBase: ReadonlySet<string>): string[] {
  const { path, content } = program;
  const shebang = /^#![^\n]*/.exec(content)?.[0] ?? "";
  const candidates =
    /\.[cm]?[jt]sx?$/.test(path) || /\b(node|bun|deno|tsx)\b/.test(shebang)
      ? scriptImports(program)
      : /\.py$/.test(path) || shebang.includes("python")
        ? pythonImports(program)
        : [];
  return [...new Set(candidates)].filter((candidate) => candidate !== path && atBase.has(candidate));
}

/** Tracked paths of the modules that a command has Python run by name (`python3 -m ci.check`). */
export function pythonModules(command: string, cwd: string, atBase: ReadonlySet<string>): string[] {
  const named = [...command.matchAll(/\bpython[\d.]*\s+(?:-(?!m\b)\S*\s+)*-m\s+([\w.]+)/g)];
  const found = named
    .flatMap(([, module = ""]) => ["", cwd].map((root) => joinPath(root, module.replaceAll(".", "/"))))
    .flatMap((path) => [`${path}.py`, `${path}/__main__.py`]);
  return [...new Set(found)].filter((path) => atBase.has(path));
}

/** `import … from "./x"`, `import("./x")`, `require("./x")`, `new URL("./x", import.meta.url)`. */
const specifier =
  /\b(?:from|import|require|require\.resolve|new\s+URL|register|jest\.\w+)\s*\(?\s*(?:\/\*.*?\*\/\s*)?(["'`])(\.{1,2}\/[^"'`\n]*|\.{1,2})\1/g;
const scriptEndings = ["mjs", "js", "cjs", "mts", "ts", "cts", "tsx", "jsx", "json", "node"];

function scriptImports({ path, content }: Program): string[] {
  const own = folderOf(path);
  return [...content.matchAll(specifier)].flatMap(([, , name = ""]) => {
    const target = joinPath(own, name);
    // What is compiled is imported by the name that it will have.
    const source = target.replace(/\.([cm]?)js(x?)$/, ".$1ts$2");
    const endings = scriptEndings.flatMap((ending) => [
      `${target}.${ending}`,
      joinPath(target, `index.${ending}`),
    ]);
    return [target, source, source.replace(/\.ts$/, ".tsx"), ...endings];
  });
}

const importLine =
  /^[ \t]*import[ \t]+([\w.]+(?:[ \t]+as[ \t]+\w+)?(?:[ \t]*,[ \t]*[\w.]+(?:[ \t]+as[ \t]+\w+)?)*)/gm;
const fromLine = /^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|([^\n(]*))/gm;
const importCall = /\b(?:import_module|__import__|run_module|run_path)\(\s*["']([\w./]+)["']/g;

function pythonImports({ path, content, cwd }: Program): string[] {
  const text = content.replaceAll("\\\n", " ");
  const roots = [cwd, ...foldersAbove(path)];
  const found: string[] = [];
  const add = (folders: readonly string[], module: string) => {
    const name = module.replaceAll(".", "/");
    const parts = name.split("/");
    for (const folder of folders)
      for (let length = 1; length <= parts.length; length++) {
        const target = joinPath(folder, parts.slice(0, length).join("/"));
        found.push(`${target}.py`, joinPath(target, "__init__.py"));
      }
  };
  for (const [, list = ""] of text.matchAll(importLine))
    for (const module of list.split(",")) add(roots, module.trim().split(/\s/)[0] ?? "");
  for (const [, from = "", inBrackets, plain = ""] of text.matchAll(fromLine)) {
    const [dots = ""] = /^\.*/.exec(from) ?? [];
    const module = from.slice(dots.length);
    const folders = dots === "" ? roots : foldersAbove(path).slice(dots.length - 1, dots.length);
    const names = (inBrackets ?? plain).replace(/#[^\n]*/g, "").split(",");
    for (const name of names
      .map((each) => each.trim().split(/\s/)[0] ?? "")
      .filter((each) => /^\w+$/.test(each)))
      add(folders, module === "" ? name : `${module}.${name}`);
    if (module !== "") add(folders, module);
    for (const folder of dots === "" ? [] : folders) found.push(joinPath(folder, "__init__.py"));
  }
  for (const [, name = ""] of text.matchAll(importCall))
    if (name.includes("/") || name.endsWith(".py")) found.push(...roots.map((root) => joinPath(root, name)));
    else add(roots, name);
  return found;
}

function folderOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}

/** Its folder, and each above it up to the root. */
function foldersAbove(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return [...parts.keys(), parts.length].toReversed().map((length) => parts.slice(0, length).join("/"));
}
