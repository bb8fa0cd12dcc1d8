// What no job may read: credentials, and the home of Loopr.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { socketFallbackDir } from "../lib/paths.ts";

/**
 * Places below a home directory where programs keep credentials. Directories and files; what does not
 * exist is skipped when a sandbox is made.
 */
const secretsInHome = [
  // Keys and agents.
  ".ssh",
  ".gnupg",
  ".password-store",
  ".local/share/keyrings",
  ".local/share/kwalletd",
  ".config/age",
  ".config/sops",
  ".config/op",
  ".1password",
  ".config/Bitwarden",
  ".config/Bitwarden CLI",
  ".vault-token",
  // Clouds and clusters.
  ".aws",
  ".azure",
  ".boto",
  ".config/doctl",
  ".config/flyctl",
  ".config/gcloud",
  ".config/rclone",
  ".databrickscfg",
  ".docker",
  ".fly",
  ".kube",
  ".config/containers/auth.json",
  ".config/netlify",
  ".local/share/com.vercel.cli",
  ".oci",
  ".s3cfg",
  ".terraform.d/credentials.tfrc.json",
  ".terraformrc",
  // Forges, registries and package managers.
  ".bunfig.toml",
  ".cargo/credentials",
  ".cargo/credentials.toml",
  ".composer/auth.json",
  ".config/composer/auth.json",
  ".config/gh",
  ".config/git/credentials",
  ".config/glab-cli",
  ".config/hub",
  ".config/pypoetry/auth.toml",
  ".gem/credentials",
  ".git-credentials",
  ".m2/settings-security.xml",
  ".netrc",
  ".npmrc",
  ".pypirc",
  ".yarnrc.yml",
  // Databases.
  ".my.cnf",
  ".pgpass",
  // Model providers and other agents.
  ".cache/huggingface/token",
  ".claude",
  ".claude.json",
  ".codex",
  ".config/anthropic",
  ".config/openai",
  ".gemini",
  ".huggingface",
  ".local/share/opencode/auth.json",
  // Browsers and mail: sessions and passwords.
  ".config/BraveSoftware",
  ".config/chromium",
  ".config/google-chrome",
  ".config/microsoft-edge",
  ".mozilla",
  ".thunderbird",
  // What was typed.
  ".bash_history",
  ".mysql_history",
  ".node_repl_history",
  ".psql_history",
  ".python_history",
  ".zsh_history",
  // Loopr's own, where they are by default.
  ".config/loopr",
  ".loopr",
] as const;

/** Folders of a home that an environment variable has moved, and where to: `.config` by XDG_CONFIG_HOME. */
export type Moved = Readonly<Record<string, readonly string[]>>;

/** The default deny list of a job: absolute paths, which need not exist. */
export function defaultDeny(options: { home: string; dataDir: string; moved?: Moved }): string[] {
  const paths = [...secretsInHome, ...environmentFiles(options.home)].map((path) => join(options.home, path));
  for (const [folder, places] of Object.entries(options.moved ?? {}))
    for (const path of secretsInHome)
      if (path.startsWith(`${folder}/`))
        paths.push(...places.map((place) => join(place, path.slice(folder.length + 1))));
  // The sockets of daemons: /tmp is empty, unless the person has opened it.
  return [...new Set([...paths, resolve(options.dataDir), socketFallbackDir()])];
}

/** `.env` and its kin, whatever their last names: variables with keys in them. */
function environmentFiles(home: string): string[] {
  try {
    return readdirSync(home).filter((name) => /^\.env(rc)?(\..+)?$/.test(name));
  } catch {
    return []; // no such home: nothing is in it
  }
}
