// Which folder of src/ may import which. ARCHITECTURE.md shows the same table with its reasons.
// `types:` allows type-only imports. A path with a file name allows that file alone.

const adapters = ["domain", "tools", "lib", "types:engine/ports.ts", "types:engine/git-port.ts"];

export const folders = {
  lib: [],
  domain: [],
  tools: ["domain"],
  protocol: ["domain", "tools"],
  rpc: ["lib"],
  config: ["domain", "lib"],
  engine: ["domain", "tools", "lib"],
  store: adapters,
  llm: adapters,
  git: adapters,
  sandbox: adapters,
  runner: ["protocol", "rpc", "tools", "sandbox", "lib"],
  client: ["protocol", "rpc", "lib"],
  cli: [
    "client",
    "protocol",
    "domain",
    "lib",
    "config",
    "git", // the repository that init, trust and doctor are asked about
    "sandbox/probe.ts", // doctor, demo
    "types:engine/git-port.ts", // the type of what git/ answers
    "tui", // the command without a name
  ],
  tui: ["client", "protocol", "domain", "lib"],
  daemon: [
    "client",
    "config",
    "domain",
    "engine",
    "git",
    "lib",
    "llm",
    "protocol",
    "rpc",
    "sandbox",
    "store",
    "tools",
  ],
};

/** Compiled without the platform's types: they describe, and run nothing. */
export const pureFolders = ["domain", "tools", "protocol"];

/** Who may import a package: a folder, or one file. */
export const packages = {
  zod: ["*"],
  "node:sqlite": ["store"],
  "@anthropic-ai/sdk": ["llm"],
  "@earendil-works/pi-tui": ["tui/terminal.ts"],
  commander: ["cli"],
  yaml: ["config", "cli/plan-file.ts", "llm/script-file.ts"],
  picomatch: ["domain", "engine", "git", "runner"],
  ignore: ["runner"],
};

/** The entry; it may import every folder, but a role only when that role is chosen: `await import(…)`. */
export const entry = "main.ts";
export const entryStatic = ["lib"];
