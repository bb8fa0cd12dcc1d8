// docs/configuration.md: every key from its schema, described here.
import { configKeys, expectation } from "../../src/config/keys.ts";
import { daemonSections, defaultConfig } from "../../src/domain/config.ts";

/** One sentence a key. A key without one, and one without a key, fail the generator. */
const descriptions: Readonly<Record<string, string>> = {
  "validation.command":
    "The check: run by `/bin/sh -c`; a loop is complete only when it exits with 0. `loopr init` proposes one.",
  "validation.cwd":
    "Where the check runs, relative to the repository's root. A check given with `--check` runs in the caller's directory instead.",
  "validation.timeout": "Seconds after which the check is ended, and has failed.",
  "validation.protected":
    "Globs of files that the work may not bend to its liking (existing tests, above all). Null: those of the usual ecosystems.",
  "validation.new_tests_must_fail_on_base":
    "Whether new tests have to make the check fail on the code as it was before: a test that passes without the change would not notice its absence. Where the check failed there already, this says nothing.",
  "protected.on_change":
    "What happens when the check passes only with changed protected files: `refuse` makes it feedback to the model, `allow` accepts it. `ask`: the loop waits, a person is shown the diff and decides with `loopr approve` or `loopr reject`. The check's own files, CI configuration and `.loopr*` need permission in any case: they are refused, and with `ask` asked about. `loopr resume <id> --may-change FILE` gives it afterwards.",
  "worktree.setup":
    "Run in each fresh worktree and again when a manifest or lock file has changed: installs dependencies.",
  "worktree.copy":
    "Ignored paths (or globs) of your checkout, such as `node_modules`, that each worktree and each checkout of the check is offered as a copy-on-write copy before `worktree.setup` runs; the copy is restored before each check. Only where the file system can (btrfs, XFS and others, with the checkout and Loopr's home on the same one); elsewhere a warning says so and `worktree.setup` does the work. There is never a plain copy and never a link: `worktree.setup` may copy what it wants. What leads back into your checkout (a linked package, an editable install) is left out, with a warning.",
  "git.target": "The branch to merge onto. Null: the one checked out when the run is created.",
  "git.auto_merge": "Merge as soon as a run is verified, without being asked. `loopr run` merges by itself.",
  "git.divergence":
    "What happens when the target moves while a plan runs. `rebase`: the run's branch is rebased onto it and checked again, and loops at work follow between two iterations; where that conflicts or fails, the run goes on where it is. `continue`: the run meets the target at its end. `pause`: the run pauses (exit code 6) until you resume it.",
  "git.commit_artifacts":
    "Whether the run's `plan.md`, `spec.md` and `phase.md` are committed to `.loopr/plans/<branch>/` (named like the run's branch, `<slug>-<hex>`), in one commit on top of the work, checked like the others and taken back by `loopr undo`. Where git ignores `.loopr/plans`, or the check does not accept them, they are left out with a warning.",
  "git.author": "Author and committer of Loopr's commits, `Name <email>`. Null: your git identity.",
  levels:
    "`auto`: the plan says which of its specs go straight to code. Or some of `plan,spec,phase,code` and of your own types, ending in one of code (see [loop-types.md](loop-types.md)).",
  "plan.passes":
    "The passes of the Rule of Five that a plan goes through, each with a fresh context: how many, or which of `draft`, `completeness`, `feasibility`, `order`, `final`. The draft always comes first; `1` or `[]` is the draft alone.",
  judge:
    "Whether a second model reads plans, specs and phases: `gate`: what it refuses goes back with its reasons; `shadow`: its verdict is recorded and decides nothing (`loopr judge stats` shows how often it was right); `off`. One for all, or a mapping of `plan`, `spec` and `phase`.",
  "limits.iterations.plan": "Iterations of a plan loop.",
  "limits.iterations.spec": "Iterations of a spec loop.",
  "limits.iterations.phase": "Iterations of a phase loop.",
  "limits.iterations.code": "Iterations of a code loop.",
  "limits.turns": "Model turns of one iteration.",
  "limits.minutes":
    "Running minutes of a loop, and by the clock of all that is below it: its children draw on them, and those that run at a time use them up once. Waiting at the gate, in the queue or paused does not count.",
  "limits.usd":
    "Dollars that a loop may cost, with all that is below it: its children draw on them. Null: no bound of its own.",
  "limits.tokens":
    "Tokens that a loop may use, with all that is below it: its children draw on them. Null: no bound of its own.",
  "limits.run_usd": "Dollars that a run, all its loops together, may cost. Used up: it pauses.",
  "limits.retries":
    "How often a child that has failed or stalled is started afresh, in a new worktree and told why. 0: never.",
  "limits.run_tokens": "Tokens that a run, all its loops together, may use. Null: no bound.",
  "limits.run_minutes":
    "Running minutes of a run: those of all its loops, added up. Null: no bound, beside that of each loop.",
  "concurrency.loops": "Loops that run at a time.",
  "concurrency.model_calls": "Model calls at a time.",
  "concurrency.per_type.plan": "Plan loops that run at a time.",
  "concurrency.per_type.spec": "Spec loops that run at a time.",
  "concurrency.per_type.phase": "Phase loops that run at a time.",
  "concurrency.per_type.code": "Code loops that run at a time.",
  "concurrency.lanes.no-net": "Jobs without network at a time: the model's file tools and commands.",
  "concurrency.lanes.net":
    "Jobs of tools with network at a time. There are no such tools yet: checks and set-ups run in `heavy`, with network or without.",
  "concurrency.lanes.heavy": "Checks and set-ups at a time.",
  "llm.provider":
    "Who answers: Anthropic's API, or a script file (see [scripted-model.md](scripted-model.md)).",
  "llm.model": "The model's name, as the provider knows it.",
  "llm.models.plan": "The model of plan loops. Null: `llm.model`.",
  "llm.models.spec": "The model of spec loops. Null: `llm.model`.",
  "llm.models.phase": "The model of phase loops. Null: `llm.model`.",
  "llm.models.code": "The model of code loops. Null: `llm.model`.",
  "llm.models.judge":
    "The model that judges plans, specs and phases. Null: a cheap one beside the default model, else `llm.model`.",
  "llm.script": "The script of the scripted model. `LOOPR_SCRIPT=FILE` sets provider and script at once.",
  "llm.max_tokens": "Tokens that the model may write in one turn.",
  "llm.timeout_s": "Seconds that one turn may take.",
  "llm.providers.anthropic.api_key_env":
    "The environment variable that holds the key, instead of `ANTHROPIC_API_KEY`.",
  "llm.providers.anthropic.api_key_file":
    "A file that holds the key. It counts where the environment has none.",
  "llm.providers.anthropic.base_url": "Another address of the API. `ANTHROPIC_BASE_URL` goes before it.",
  "sandbox.mode":
    "`auto`: tools and checks run in bubblewrap, and a run is refused where that does not work. `none`: they run unsandboxed, and every view says so.",
  "sandbox.read_deny": "Paths that tools and checks cannot read, beside the built-in list of secrets.",
  "sandbox.write_allow": "Directories that tools and checks may write to, beside worktree and caches.",
  "sandbox.net": "Network for `worktree.setup` and the check. The model's own commands never have it.",
  "sandbox.unix_sockets":
    "Who may make Unix sockets. `auto`: `worktree.setup` and the check; `allow`: the model's own commands, too; `deny`: nobody (see [sandbox.md](sandbox.md)).",
  "env.pass": "Names of variables of your environment that tools and checks get, beside the usual ones.",
  "notify.command":
    'A command of your own, run by `/bin/sh -c` outside of the sandbox when a run calls for you: `notify-send "$LOOPR_TITLE" "$LOOPR_MESSAGE"`. It gets `LOOPR_NOTICE` (`waiting`, `merged`, `failed`), `LOOPR_RUN`, `LOOPR_STATE`, `LOOPR_WAITING_FOR`, `LOOPR_TITLE`, `LOOPR_MESSAGE`, `LOOPR_PROJECT` and the run\'s environment, never keys. Nothing waits for it; after 10 seconds it is ended.',
  "notify.on":
    "What you are called for: a run that waits for you, one that is merged, one that has failed or stalled.",
  "tui.glyphs": "The signs of the terminal interface. `auto`: as the locale allows.",
  "tui.bell": "Whether the terminal interface rings when a run begins to wait for you, or has ended.",
  "log.level":
    "What the daemon's log holds: this level and those above. `LOOPR_LOG` goes before it. Read when the daemon starts, as all of `log`, `daemon` and `concurrency`.",
  "log.megabytes": "Size at which the log file is put aside and a new one begun.",
  "log.files": "How many log files are kept, the current one included.",
  "daemon.idle_exit_minutes":
    "Minutes without a client and without work after which the daemon ends. The next command starts it again. Null: it stays.",
  "daemon.clients_max": "Clients that may be connected at a time.",
  "records.keep_days":
    "Days for which the records of an ended run's iterations (prompts, conversations, logs) are kept. What is stored of the run beside them stays, and so do its branch and commits. Read when the daemon starts, as all of `records`.",
  "records.max_mb":
    "Megabytes that all records together may take. Beyond that those of the runs that ended first go, never those of a run that has not ended.",
  "records.keep_runs": "How many of the runs that ended last keep their records in any case.",
  "env.set": "Variables that tools and checks get.",
};

const levels = {
  free: "yes",
  trusted: "after `loopr trust`",
  lower: "only lower than yours",
} as const;

export function configurationPage(): string {
  const unknown = Object.keys(descriptions).filter((name) => !configKeys.has(name));
  if (unknown.length) throw new Error(`described, but no keys: ${unknown.join(", ")}`);
  const rows = [...configKeys.values()].map(({ name, schema, project }) => {
    const description = descriptions[name];
    if (!description) throw new Error(`scripts/docs/configuration.ts does not describe ${name}`);
    const value = name
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], defaultConfig);
    const allowed = project === null ? "no" : levels[project];
    return `| \`${name}\` | \`${JSON.stringify(value)}\` | ${expectation(schema)} | ${allowed} | ${description} |`;
  });
  const daemon = [...daemonSections].map((name) => `\`${name}\``).join(", ");
  return page.replace("%daemon", daemon).replace("%rows", () => rows.join("\n"));
}

const page = `# Configuration

<!-- Generated by \`npm run docs\` from src/domain/config.ts. Change it there, or in scripts/docs/. -->

Loopr works without a configuration file: only the check has to be known, from a file or by \`--check\`.
Files are YAML. What comes later in this list goes before what comes earlier, key by key:

1. the defaults below
2. your file, \`~/.config/loopr/loopr.yml\` (\`$XDG_CONFIG_HOME/loopr/loopr.yml\`)
3. the project's file, \`.loopr.yml\` or \`.loopr/loopr.yml\` at the root of your checkout, committed or not
4. the file named by \`--config\` or \`LOOPR_CONFIG\`
5. variables of your environment: \`LOOPR_SCRIPT\`, \`LOOPR_LOG\`, \`ANTHROPIC_BASE_URL\` ([below](#environment))
6. options of the command, such as \`--check\` or \`--budget\`

The sections %daemon are the daemon's own: it serves all of your commands at once, and reads them from your file
(and \`LOOPR_LOG\` from its environment) when it starts; \`loopr daemon restart\` makes a change count. In a file named by
\`--config\` or \`LOOPR_CONFIG\` they do not count: \`loopr config show\` and a warning say so.

A run keeps the configuration that it was created with. An unknown key, a wrong type, a duplicate key, YAML
that does not parse, or an explicit file that does not exist is an error that names file, line and key.

## What a project may set

A project's file comes with the repository, so it cannot do what could hurt you. The column *project* says:

- **yes**: counts as it is.
- **after \`loopr trust\`**: makes commands run, and counts only when you have accepted the file as it is now.
  \`loopr trust\` shows what it runs; a changed file has to be accepted again. \`loopr init\` trusts what it wrote.
- **only lower than yours**: a higher value is ignored, with a warning.
- **no**: refused. Set it in your own file.

## Keys

| key | default | value | project | what it does |
| --- | --- | --- | --- | --- |
%rows

Paths are absolute, start with \`~/\`, or (\`llm.script\`, \`api_key_file\`) are relative to the file that names them.
API keys, and variables that start with \`LOOPR_\`, cannot be handed to tools by \`env.pass\` or \`env.set\`.

## Environment

| variable | meaning |
| --- | --- |
| \`LOOPR_HOME\` | the home, instead of \`~/.loopr\` |
| \`LOOPR_SOCKET\` | where the daemon's socket is reached, any path; outside of the home it is a symbolic link (see [sandbox.md](sandbox.md)) |
| \`LOOPR_CONFIG\` | an explicit configuration file, as \`--config\` |
| \`LOOPR_LOG\` | how much the daemon logs: \`trace\`, \`debug\`, \`info\`, \`warn\`, \`error\` |
| \`LOOPR_SCRIPT\` | a script for the scripted model |
| \`ANTHROPIC_API_KEY\`, \`ANTHROPIC_BASE_URL\` | handed to the daemon by the command that you run; kept in memory only |
| \`NO_COLOR\` | no colours |
`;
