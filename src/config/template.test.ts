import { expect, test } from "bun:test";
import { parseConfigFile } from "./parse.ts";
import { projectTemplate } from "./template.ts";

const detected = {
  ecosystem: "npm",
  command: 'npm test -- "a: b" # c',
  setup: "npm ci",
  because: "package.json",
};
const values = (text: string) =>
  Object.fromEntries(parseConfigFile("x.yml", text).map(({ key, value }) => [key.name, value]));

test("it sets what was detected, whatever characters that holds", () => {
  expect(values(projectTemplate(detected))).toEqual({
    "validation.command": detected.command,
    "worktree.setup": "npm ci",
  });
  expect(values(projectTemplate({ ...detected, setup: null }))).toEqual({
    "validation.command": detected.command,
  });
  expect(values(projectTemplate(null))).toEqual({});
});

test("every commented key is one that a project may set", () => {
  for (const template of [projectTemplate(detected), projectTemplate(null)]) {
    const uncommented = template.replace(/^( *)# ( *(?:[a-z_]+:(?: *$| ["\d[{].*)))$/gm, "$1$2");
    const entries = parseConfigFile("x.yml", uncommented);
    expect(entries.length).toBeGreaterThan(8);
    expect(entries.filter(({ key }) => key.project === null)).toEqual([]);
  }
});
