// Which variables of a person's environment a run's tools and checks get. The client sends no others; the
// daemon takes no others, whoever sends them.

const names = new Set([
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "PATH",
  "LANG",
  "TZ",
  "VIRTUAL_ENV",
  "NODE_EXTRA_CA_CERTS",
]);
const patterns = [
  /^LC_[A-Z]+$/,
  /^[A-Z][A-Z0-9_]*_HOME$/,
  /^SSL_CERT_[A-Z]+$/,
  /^(?:https?|all|no|ftp)_proxy$/i,
];
/** Never passed on, whatever the configuration says: keys go by `initialize` only. */
const secrets = /^(?:LOOPR_|(?:ANTHROPIC|OPENAI)_(?:API_KEY|AUTH_TOKEN)$)/;

/** An allow-list, and the names in `env.pass`. */
export function runEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  pass: readonly string[] = [],
): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || secrets.test(name)) continue;
    if (names.has(name) || pass.includes(name) || patterns.some((pattern) => pattern.test(name)))
      chosen[name] = value;
  }
  return chosen;
}
