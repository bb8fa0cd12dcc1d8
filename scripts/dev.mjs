// Runs from source with its own home: npm run dev -- <args>
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { bunPath, root } from "./bun-path.mjs";

const result = spawnSync(
  bunPath(),
  ["--no-env-file", join(root, "src", "main.ts"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
    env: { LOOPR_HOME: join(root, ".dev-home"), ...process.env },
  },
);
process.exit(result.status ?? 1);
