import { expect, test } from "bun:test";
import { defaultConfig, type Config } from "./config.ts";
import { builtInDefinitions, type TypeDefinition, type TypeDefinitions } from "./loop-types.ts";
import { commandsOf } from "./run-commands.ts";

const builtIn = builtInDefinitions(defaultConfig);
const made = (name: string, command: string, base: "code" | "spec" = "code"): TypeDefinition => {
  const definition = builtIn[base];
  if (!definition) throw new Error(base);
  return { ...definition, name, extends: base, validation_command: command };
};
const types: TypeDefinitions = {
  ...builtIn,
  refactor: made("refactor", "test ! -e zz"),
  tidy: made("tidy", "test ! -e zz"),
  docs: made("docs", "npm run docs"),
  design: made("design", "false", "spec"),
};
const config = (command: string | null): Config => ({
  ...defaultConfig,
  validation: { ...defaultConfig.validation, command },
});

const rows: [string | null, string[], string[]][] = [
  ["npm test", [], ["npm test"]],
  ["npm test", ["code", "refactor", "tidy"], ["npm test", "test ! -e zz"]],
  ["npm test", ["docs", "refactor"], ["npm test", "npm run docs", "test ! -e zz"]],
  ["npm run docs", ["docs"], ["npm run docs"]],
  ["npm test", ["design"], ["npm test"]],
  [null, ["refactor"], []],
];
for (const [command, names, expected] of rows) {
  test(`${command ?? "waived"} with ${names.join(", ") || "no loop"}`, () => {
    const loops = names.map((name) => ({
      loop_type: types[name]?.loop_type ?? ("code" as const),
      type_name: name,
    }));
    expect(commandsOf({ config: config(command), types }, loops)).toEqual(expected);
  });
}
