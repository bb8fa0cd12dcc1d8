// Custom loop types: one YAML file each, `.loopr/loops/<name>.yml` of the project or `loops/<name>.yml` beside
// the user's own configuration. A file is checked here; what it inherits is worked out in types.ts.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isMap, isNode, LineCounter, parseDocument, type Document } from "yaml";
import * as z from "zod/mini";
import { JudgeMode } from "../domain/judgement.ts";
import { loopTypes } from "../domain/loop-states.ts";
import { Passes } from "../domain/passes.ts";
import { isTypeName } from "../domain/run-options.ts";
import "../domain/schema-messages.ts";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { readSmallFile } from "./read.ts";

const text = z.string().check(z.minLength(1), z.maxLength(500));
const command = z.string().check(z.regex(/\S/, "must not be blank"));
const count = z.int().check(z.positive());
const amount = z.number().check(z.positive());

/** @public docs/loop-types.md is held to it by a test. */
export const TypeFields = z.strictObject({
  extends: text,
  description: z.optional(text),
  prompt: z.optional(text),
  model: z.optional(text),
  tools: z.optional(z.array(text)),
  limits: z.optional(
    z.strictObject({
      iterations: z.optional(count),
      turns: z.optional(count),
      minutes: z.optional(amount),
      tokens: z.optional(count),
      usd: z.optional(amount),
    }),
  ),
  judge: z.optional(
    z.union([JudgeMode, z.strictObject({ mode: z.optional(JudgeMode), model: z.optional(text) })]),
  ),
  passes: z.optional(Passes),
  children: z.optional(z.array(text).check(z.minLength(1))),
  validation: z.optional(z.strictObject({ command })),
});
type TypeFields = z.infer<typeof TypeFields>;

export interface TypeFile {
  name: string;
  level: "user" | "project";
  path: string;
  text: string;
  fields: TypeFields;
  /** Where a key stands. */
  lineOf: (key: string) => number;
  /** An error that names file, line and key. */
  problem: (key: string, message: string, hint?: string) => LooprError;
}

const fileNameEnd = ".yml";
const filesMax = 100;
const docs = "loopr help loop-types lists the keys";

/** The types of a directory, by name; empty where there is none. Throws `config_invalid`. */
export function readTypeFiles(directory: string, level: TypeFile["level"]): TypeFile[] {
  const names = listed(directory).filter((name) => /\.ya?ml$/.test(name));
  if (names.length > filesMax) {
    throw invalid(`${directory} holds ${names.length} types`, `there may be ${filesMax}`);
  }
  return names.sort().map((name) => readTypeFile(join(directory, name), name, level));
}

function readTypeFile(path: string, fileName: string, level: TypeFile["level"]): TypeFile {
  const name = fileName.replace(/\.ya?ml$/, "");
  if (!fileName.endsWith(fileNameEnd))
    throw invalid(`${path}: a type's file is called NAME.yml`, `rename it`);
  if (!isTypeName(name)) {
    throw invalid(
      `${path}: a type cannot be called ${JSON.stringify(name)}`,
      "a small letter first, then small letters, digits and -; 40 characters at most; not auto",
    );
  }
  if (loopTypes.some((type) => type === name)) {
    throw invalid(
      `${path}: the type ${name} is built in and stays as it is`,
      `give yours another name and write \`extends: ${name}\`; a prompt of your own goes into prompts/${name}.md`,
    );
  }
  const content = readSmallFile(path) ?? "";
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  const at = (offset: number) => Math.max(1, lines.linePos(offset).line);
  if (broken) throw invalid(`${path}:${at(broken.pos[0])}: not valid YAML: ${broken.message}`, docs);
  const lineOf = (key: readonly PropertyKey[]) => at(offsetOf(document, key));
  const parsed = TypeFields.safeParse(plainValue(document, path));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => problemOf(issue, lineOf));
    throw invalid(problems.map((problem) => `${path}:${problem}`).join("\n"), docs);
  }
  return {
    name,
    level,
    path,
    text: content,
    fields: parsed.data,
    lineOf: (key) => lineOf(key.split(".")),
    problem: (key, message, hint = docs) =>
      invalid(`${path}:${lineOf(key.split("."))}: ${key} ${message}`, hint),
  };
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return [];
    throw invalid(`${directory} cannot be read: ${messageOf(error)}`, "repair its permissions");
  }
}

function plainValue(document: Document, path: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    throw invalid(`${path}:1: ${messageOf(error)}`, docs); // more aliases than any honest file has
  }
}

/** Where a key stands; a key that is absent stands where the mapping does that it is missing in. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  const [key, ...rest] = path.map(String);
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of key === undefined ? [] : [key, ...rest]) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String(item.key) === part);
    if (!pair) break;
    if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

function problemOf(issue: z.core.$ZodIssue, lineOf: (key: readonly PropertyKey[]) => number): string {
  if (issue.code === "unrecognized_keys") {
    const [first = ""] = issue.keys;
    const path = [...issue.path, first];
    return `${lineOf(path)}: unknown key ${path.join(".")}`;
  }
  const name = issue.path.join(".");
  const message = issue.code === "invalid_union" ? unionMessage(issue.path) : issue.message;
  return `${lineOf(issue.path)}: ${name || "the file"}: ${message}`;
}

/** What zod says of a union names none of its members. */
function unionMessage([key]: readonly PropertyKey[]): string {
  return key === "passes"
    ? "must be a number from 1 to 5, or a list of draft, completeness, feasibility, order, final"
    : "must be off, shadow or gate, or a mapping with mode and model";
}

function invalid(message: string, hint: string): LooprError {
  return new LooprError("config_invalid", message, hint);
}
