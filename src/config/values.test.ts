// What each key of a configuration file refuses: all of them are held to it, so that a new key is, too.
import { describe, expect, test } from "bun:test";
import { LooprError } from "../lib/errors.ts";
import { configKeys } from "./keys.ts";
import { parseConfigFile } from "./parse.ts";

const number = ["bogus", "0", "-1", "true", "[1]", "{ a: 1 }"];
const choice = ["bogus", "1", "true", "[auto]", "{ auto: 1 }"];
const flag = ["bogus", "1", '"true"', "[true]"];
const list = ["bogus", "1", "[1]", "[true]", "[[a]]", "{ a: b }"];
const text = ["1", "true", "[a]", "{ a: b }"];

/** YAML for each key that is wrong for it. */
const wrong: Record<string, string[]> = {
  "validation.command": [...text, '""'],
  "validation.cwd": [...text, "/tmp", "../up"],
  "validation.timeout": [...number, "2000001"],
  "validation.protected": [...list, '[""]'],
  "validation.new_tests_must_fail_on_base": flag,
  "protected.on_change": choice,
  "worktree.setup": [...text, '""'],
  "worktree.copy": [...list, "[/abs]", "[../up]", "[.git/x]"],
  "git.target": [...text, '""'],
  "git.auto_merge": flag,
  "git.divergence": choice,
  "git.commit_artifacts": flag,
  "git.author": [...text, "Ada", '"<ada@localhost>"'],
  levels: [...text, "plan", '"code,plan"', '"plan,,code"', "Code"],
  "plan.passes": ["bogus", "0", "6", "[bogus]", "{ a: b }"],
  judge: ["bogus", "1", "[off]", "{ plan: bogus }", "{ code: gate }", "{ plan: 1 }"],
  "llm.provider": choice,
  "llm.model": [...text, '""'],
  "llm.script": [...text, '""'],
  "llm.max_tokens": [...number, "1.5"],
  "llm.timeout_s": [...number, "2000001"],
  "llm.providers.anthropic.api_key_env": [...text, "a-b"],
  "llm.providers.anthropic.api_key_file": [...text, '""'],
  "llm.providers.anthropic.base_url": [...text, "localhost", '"ftp://x"'],
  "sandbox.mode": choice,
  "sandbox.read_deny": [...list, "[relative]"],
  "sandbox.write_allow": [...list, "[relative]"],
  "sandbox.net": flag,
  "sandbox.unix_sockets": choice,
  "env.pass": [...list, "[a-b]", "[ANTHROPIC_API_KEY]", "[LOOPR_HOME]"],
  "env.set": ["bogus", "[a]", "{ A: 1 }", "{ a-b: x }", "{ OPENAI_API_KEY: x }"],
  "notify.command": [...text, '""'],
  "notify.on": [...list, "[bogus]"],
  "tui.glyphs": choice,
  "tui.bell": flag,
  "log.level": choice,
  "log.megabytes": number,
  "log.files": [...number, "1.5"],
  "daemon.idle_exit_minutes": number,
  "daemon.clients_max": [...number, "1.5"],
  "records.keep_days": number,
  "records.max_mb": number,
  "records.keep_runs": ["bogus", "-1", "1.5", "true", "[1]"],
  "limits.retries": ["bogus", "-1", "1.5", "true", "[1]"],
  "limits.minutes": number,
  "limits.usd": number,
  "limits.run_usd": number,
  "limits.run_minutes": number,
};
for (const name of ["plan", "spec", "phase", "code", "judge"]) wrong[`llm.models.${name}`] = [...text, '""'];
for (const name of configKeys.keys())
  if (/^(concurrency|limits)\./.test(name)) wrong[name] ??= [...number, "1.5"];

/** `a.b: v` as nested keys, the last of them on a line of its own. */
function fileWith(name: string, value: string): { text: string; line: number } {
  const parts = name.split(".");
  const lines = parts.map((part, depth) => `${"  ".repeat(depth)}${part}:`);
  return { text: `${lines.join("\n")} ${value}\n`, line: parts.length };
}

describe("a wrong value is refused with file, line and key:", () => {
  test("every key is in the table", () => {
    expect(Object.keys(wrong).toSorted()).toEqual([...configKeys.keys()].toSorted());
  });

  for (const [name, values] of Object.entries(wrong)) {
    test(name, () => {
      for (const value of values) {
        const { text, line } = fileWith(name, value);
        let problem = "accepted";
        try {
          parseConfigFile("/c.yml", text);
        } catch (error) {
          expect(error).toBeInstanceOf(LooprError);
          expect((error as LooprError).code).toBe("config_invalid");
          problem = (error as LooprError).message;
        }
        expect(`${name}: ${value} → ${problem}`).toStartWith(`${name}: ${value} → /c.yml:${line}: `);
        expect(problem).toContain(name);
      }
    });
  }
});
