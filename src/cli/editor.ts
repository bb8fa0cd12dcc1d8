// The person's editor on a file, as git opens it.
import { spawn } from "node:child_process";
import { basename } from "node:path";
import { LooprError } from "../lib/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A shell's answer to a command that it cannot find or run. */
const notRunnable = new Set([126, 127]);

function editorOf(env: Environment): string {
  const visual = env["TERM"] === "dumb" ? undefined : env["VISUAL"];
  return visual?.trim() || env["EDITOR"]?.trim() || "vi";
}

/** Editors that draw on a terminal: without one they hang, or write their screens into a file. */
const onTerminals = new Set(
  "vi vim nvim view vimdiff ex nano rnano pico micro hx helix kak joe jmacs jstar ne mcedit mg jed zile emacs emacsclient ed".split(
    " ",
  ),
);

/** The editor, where it needs a terminal to be used; null for any other, such as a script. */
export function editorOnTerminal(env: Environment): string | null {
  const editor = editorOf(env);
  const [program = ""] = editor.split(/\s+/);
  return onTerminals.has(basename(program.replaceAll(/["']/g, ""))) ? editor : null;
}

/**
 * Resolves when the editor has been closed. Throws `editor_failed` where it could not be run, or says by its exit
 * code that nothing is to be done. Meanwhile the terminal and its Ctrl-C are the editor's: the caller sees to that.
 */
export async function openEditor(file: string, env: Environment): Promise<void> {
  const editor = editorOf(env);
  const code = await new Promise<number | null>((resolve, reject) => {
    // The editor may be a command with options: the shell takes it apart, and is given the file as it is. A Ctrl-C
    // that the editor takes as a key must not end the shell.
    const script = `trap : INT; ${editor} "$@"`;
    const child = spawn("/bin/sh", ["-c", script, editor, file], { stdio: "inherit" });
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code === 0) return;
  const what =
    code !== null && notRunnable.has(code) ? "could not be run" : `ended with exit code ${code ?? "none"}`;
  throw new LooprError(
    "editor_failed",
    `the editor \`${editor}\` ${what}`,
    "set VISUAL or EDITOR, or give --file",
  );
}
