// What Loopr itself costs in an iteration: a scripted model that answers at once, a check that fails at once.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Home } from "../support/harness.ts";
import { row, type Row } from "./measure.ts";
import { Wire } from "./wire.ts";

const iterations = 12;

export async function iterationOverhead(home: Home, sandbox: "auto" | "none"): Promise<Row> {
  const repository = home.repository({ name: `bench-${sandbox}` });
  const script = join(home.root, `bench-${sandbox}.json`);
  // Another tree each time, or the loop would be stalled after three.
  const entries = Array.from({ length: iterations }, (_, index) => ({
    iteration: index + 1,
    turns: [
      { tools: [{ name: "write_file", input: { path: "work.txt", content: `${index}\n` } }] },
      { tools: [{ name: "run_command", input: { command: "true" } }] },
      { text: "Done." },
    ],
  }));
  writeFileSync(script, JSON.stringify({ entries }));
  const options = ["--depth", "code", "--check", "false", "--max-iterations", String(iterations)];
  const result = await home.loopr(["run", ...options, "--sandbox", sandbox, "--yes", "--json", "bench"], {
    cwd: repository.dir,
    env: { LOOPR_SCRIPT: script },
    deadlineMs: 120_000,
  });
  const { id } = JSON.parse(result.stdout) as { id?: string };
  if (id === undefined) throw new Error(`the run did not start: ${result.stdout}${result.stderr}`);
  const wire = await Wire.open(home.dir);
  const records = (await wire.call("loop.iterations", { id })) as {
    iterations: { started_at: number; ended_at: number | null }[];
  };
  wire.close();
  const took = records.iterations.flatMap(({ started_at: from, ended_at: to }) =>
    to === null ? [] : [to - from],
  );
  // The first one also makes the worktrees and runs the check on the base.
  return row(`iteration, sandbox ${sandbox}`, took.slice(1), {
    note: "a file tool, a command, a commit, a check",
  });
}
