// Runs this checkout's Bun: node scripts/bun.mjs FILE [ARGS…]
import { spawnSync } from "node:child_process";
import { bunPath } from "./bun-path.mjs";

const { status } = spawnSync(bunPath(), ["--no-env-file", ...process.argv.slice(2)], { stdio: "inherit" });
process.exit(status ?? 1);
