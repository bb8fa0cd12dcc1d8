// The environment that a run's checks and tools see, as far as the person's shell decides it.

type Environment = Readonly<Record<string, string | undefined>>;

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
const patterns = [/^LC_/, /_HOME$/, /^SSL_CERT_/, /_proxy$/i];
/** Never part of a run, whatever asks for them: keys go by `initialize` only. */
const neverPassed = [/^LOOPR_/, /^(ANTHROPIC|OPENAI)_API_KEY$/];

/** What `loop.create_plan` carries: an allow-list, and the names in the user's `env.pass`. */
export function runEnvironment(env: Environment, pass: readonly string[] = []): Record<string, string> {
  const asked = new Set(pass);
  const chosen = Object.entries(env).filter(
    ([name]) =>
      !neverPassed.some((pattern) => pattern.test(name)) &&
      (names.has(name) || asked.has(name) || patterns.some((pattern) => pattern.test(name))),
  );
  return Object.fromEntries(chosen.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
