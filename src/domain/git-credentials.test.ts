import { expect, test } from "bun:test";
import { withoutCredentials } from "./git-credentials.ts";

const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

test.each<[what: string, config: string, clean: string, secret: string]>([
  [
    "a password in a remote's URL",
    `[remote "origin"]\n\turl = https://user:${token}@github.com/x/y\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`,
    `[remote "origin"]\n\turl = https://github.com/x/y\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`,
    token,
  ],
  [
    "a token in the place of the user",
    "\turl = https://0123456789abcdef0123@git.example.com/x\n",
    "\turl = https://git.example.com/x\n",
    "0123456789abcdef0123",
  ],
  [
    "a password that is written with escapes, as it is meant too",
    "\turl = https://u:pass%40word1@git.example.com/x\n",
    "\turl = https://git.example.com/x\n",
    "pass@word1",
  ],
  [
    "the URL in a section's name",
    `[url "https://x:secret-word-1@github.com/"]\n\tinsteadOf = gh:\n`,
    `[url "https://github.com/"]\n\tinsteadOf = gh:\n`,
    "secret-word-1",
  ],
  [
    "a header, on a line that goes on",
    '[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic \\\neDphYmNkZWZnaGlqa2xtbm9w\n\tsslVerify = true\n',
    '[http "https://github.com/"]\n\n\tsslVerify = true\n',
    "eDphYmNkZWZnaGlqa2xtbm9w",
  ],
  [
    "a key beside its section's name",
    "[http] extraHeader = X-Token: 1234567890abc\n",
    "[http]\n",
    "1234567890abc",
  ],
  [
    "a helper's script",
    '[credential]\n\thelper = "!f() { echo password=hunter2hunter2; }; f"\n[user]\n\tname = N\n',
    "[credential]\n\n[user]\n\tname = N\n",
    "hunter2hunter2",
  ],
  ["any key that says so", "[sendemail]\n\tsmtpPass = abcd1234efgh\n", "[sendemail]\n\n", "abcd1234efgh"],
  ["a comment", `# was ${token}\n`, "# was \n", token],
])("%s", (_what, config, clean, secret) => {
  const cleaned = withoutCredentials(config);
  expect(cleaned.text).toBe(clean);
  expect(cleaned.secrets).toContain(secret);
});

test("what holds none stays as it is, to the byte", () => {
  const config =
    '[core]\n\trepositoryformatversion = 0\n\tbare = false\r\n[remote "o"]\n\turl = ssh://git@github.com/x/y\n' +
    '\tpushurl = git@github.com:x/y\n[branch "main"]\n\tremote = o\n[user]\n\tsigningkey = 0123ABCD0123ABCD\n';
  expect(withoutCredentials(config)).toEqual({ text: config, secrets: [] });
});

test("a short password is not taken for every word of its letters", () => {
  const cleaned = withoutCredentials("url = https://me:test@example.com/x\n");
  expect(cleaned.text).toBe("url = https://example.com/x\n");
  expect(cleaned.secrets).not.toContain("test");
  expect(cleaned.secrets).toContain("me:test@");
});
