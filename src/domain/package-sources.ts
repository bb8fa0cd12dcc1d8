// Where packages come from: one that tests lean on, taken from the work's own files, would decide what they find.

/** A source that is neither a registry nor a version. */
const otherSource =
  /\b(path|git|url|registry|editable|directory|virtual|package)\s*=|@\s*(file|git|https?)\b|\b(file|link|portal|patch|exec):|\b(directory|tarball):/;
/** What pip takes from elsewhere for all packages, or without a name. */
const nameless = /^(-e\b|--(editable|index-url|extra-index-url|find-links)\b|\.{0,2}\/|file:)/;
const names = /[\w@][\w@/.-]*/g;
/** Keys that stand in the table of their package: `[dependencies.serde]`. */
const keyOfTable = /^(path|git|url|registry|package)$/;

/** Whether a text with packages line by line has one that it had before come from elsewhere. */
export function isRedirected(before: string, after: string): boolean {
  const old = new Set(linesOf(before).map(({ line, table }) => `${table}\n${line}`));
  const known = new Set([...before.matchAll(names)].map(([name]) => name.split(".").at(-1)));
  return linesOf(after).some(({ line, table }) => {
    if (old.has(`${table}\n${line}`)) return false;
    if (nameless.test(line)) return true;
    const name = line.match(names)?.[0] ?? "";
    const owner = keyOfTable.test(name) ? (table.split(".").at(-1) ?? "") : (name.split(".").at(-1) ?? "");
    return otherSource.test(line) && known.has(owner);
  });
}

/** Each line with the table that it stands in, as TOML has them. */
function linesOf(text: string): { line: string; table: string }[] {
  let table = "";
  return text.split(/\r?\n/).map((each) => {
    const line = each.trim();
    table = /^\[+([^\]]*)\]+$/.exec(line)?.[1] ?? table;
    return { line, table };
  });
}

const packageLock = /(^|\/)(package-lock|npm-shrinkwrap)\.json$/;
const otherLock =
  /(^|\/)(yarn\.lock|pnpm-lock\.yaml|bun\.lock|uv\.lock|poetry\.lock|Pipfile|requirements[\w.-]*\.txt)$/;

/** Lock files, and lists of requirements. */
export function isLock(path: string): boolean {
  return packageLock.test(path) || otherLock.test(path);
}

/** Whether one of them has a package that it had before come from elsewhere. */
export function lockRedirected(path: string, before: string, after: string): boolean {
  if (!packageLock.test(path)) return isRedirected(before, after);
  const old = packagesOf(before);
  return Object.entries(packagesOf(after)).some(
    ([name, entry]) => name !== "" && name in old && originOf(old[name]) !== originOf(entry),
  );
}

function packagesOf(lock: string): Record<string, unknown> {
  try {
    return asRecord(asRecord(JSON.parse(lock))["packages"]);
  } catch {
    return {};
  }
}

/** A registry, whatever the version, or else the whole of where a package comes from. */
function originOf(entry: unknown): string {
  const { resolved, link } = asRecord(entry);
  const from = typeof resolved === "string" ? resolved : "";
  return link === true ? `link ${from}` : (/^https?:\/\/[^/]+\//.exec(from)?.[0] ?? from);
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
