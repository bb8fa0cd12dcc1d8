// What the scripted model does in `loopr demo`. Its words and edits are written down here; everything that
// becomes of them is real. The format: docs/scripted-model.md.
import { sampleCheck } from "./sample.ts";

export const demoRequest =
  "Add two commands to tally: `longest` prints the longest line, `top` prints the most frequent word and " +
  "how often it occurs, upper and lower case being the same. Test both, and describe both in the README.";

/** Long enough to watch, short enough to wait for. */
const turnDelayMs = 150;

const longest = "longest: print the longest line";
const top = "top: print the most frequent word";
const readme = "Describe the new commands in the README";

interface Call {
  name: string;
  input: Record<string, unknown>;
}

const turn = (text: string, ...tools: Call[]) => ({ text, tools, delay_ms: turnDelayMs });
const call = (name: string, input: Record<string, unknown>): Call => ({ name, input });

const plan = {
  title: "Two more commands for tally",
  summary:
    "Each command of tally is a file in commands/, each test a file in tests/. So both commands can be built at the same time, without touching each other's files; the README follows when both are there.",
  specs: [
    {
      name: longest,
      description:
        "Add commands/longest.sh: reads standard input and prints its longest line; of several, the first.",
      acceptance: ["tests/longest.sh tests it, also with equally long lines", `${sampleCheck} passes`],
    },
    {
      name: top,
      description:
        "Add commands/top.sh: reads standard input and prints its most frequent word in lower case and how often it occurs, upper and lower case being the same.",
      acceptance: ["tests/top.sh tests it, also with mixed case", `${sampleCheck} passes`],
    },
    {
      name: readme,
      description: "Add rows for longest and top to the table in README.md.",
      depends_on: [longest, top],
      acceptance: ["Both commands are in the table"],
    },
  ],
};

const longestCommand = `# Prints the longest line; of several, the first.
longest=
while IFS= read -r line || [ -n "$line" ]; do
  if [ "\${#line}" -gt "\${#longest}" ]; then longest=$line; fi
done
printf '%s\\n' "$longest"
`;
const longestTest = `expect "longest prints the longest line" "the long one" "$(printf 'a\\nthe long one\\nb\\n' | sh tally longest)"
expect "longest prints the first of several" "ab" "$(printf 'ab\\ncd\\n' | sh tally longest)"
`;
/** As first written it takes \`The\` and \`the\` for two words: its own test will say so. */
const splitIntoWords = "tr -cs '[:alpha:]' '\\n'";
const topCommand = `# Prints the most frequent word and how often it occurs.
${splitIntoWords} | sed '/^$/d' | sort | uniq -c | sort -k1,1nr -k2 | head -n 1 |
  while read -r count word; do echo "$word $count"; done
`;
const topTest = `expect "top prints the most frequent word" "b 2" "$(printf 'a b\\nb c\\n' | sh tally top)"
expect "top ignores upper and lower case" "the 3" "$(printf 'The cat and the dog. THE END.\\n' | sh tally top)"
`;

const readmeRow = "| words | the number of words |\n";
const readmeRows = `${readmeRow}| longest | the longest line |\n| top | the most frequent word, and how often it occurs |\n`;

export const demoScript = {
  entries: [
    {
      loop: "plan",
      turns: [
        turn(
          "I read the repository first.",
          call("list_directory", { path: "." }),
          call("read_file", { path: "tally" }),
          call("read_file", { path: "test.sh" }),
        ),
        turn("Two commands that do not depend on each other, then the README.", call("create_plan", plan)),
        turn("The plan is handed in."),
      ],
    },
    {
      loop: "code",
      title: longest,
      turns: [
        turn("How do the commands look?", call("read_file", { path: "commands/words.sh" })),
        turn(
          "The command and its test.",
          call("write_file", { path: "commands/longest.sh", content: longestCommand }),
          call("write_file", { path: "tests/longest.sh", content: longestTest }),
        ),
        turn("I try it.", call("run_command", { command: sampleCheck })),
        turn("`tally longest` works, and is tested."),
      ],
    },
    {
      loop: "code",
      title: top,
      iteration: 1,
      turns: [
        turn(
          "The command and its test.",
          call("write_file", { path: "commands/top.sh", content: topCommand }),
          call("write_file", { path: "tests/top.sh", content: topTest }),
        ),
        turn("Done: `tally top` works."), // it says so without having tried: Loopr does
      ],
    },
    {
      loop: "code",
      title: top,
      iteration: "2+",
      turns: [
        turn(
          "The check failed: words in upper and lower case are counted apart.",
          call("read_file", { path: "commands/top.sh" }),
        ),
        turn(
          "I turn everything into lower case first.",
          call("edit_file", {
            path: "commands/top.sh",
            old_string: splitIntoWords,
            new_string: `tr '[:upper:]' '[:lower:]' | ${splitIntoWords}`,
          }),
          call("run_command", { command: sampleCheck }),
        ),
        turn("Now the tests pass."),
      ],
    },
    {
      loop: "code",
      title: readme,
      turns: [
        turn("What does the README say?", call("read_file", { path: "README.md" })),
        turn(
          "Two more rows.",
          call("edit_file", { path: "README.md", old_string: readmeRow, new_string: readmeRows }),
        ),
        turn("Both commands are described."),
      ],
    },
  ],
};
