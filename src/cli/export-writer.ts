// The JSON document of an export, piece by piece: its sections in their order, the files of a record joined again.
import type { ExportEntry, ExportSection } from "../domain/export.ts";

type File = Extract<ExportEntry, { section: "files" }>["value"];

/** The sections that are lists; `run` is one value. */
const lists: readonly ExportSection[] = ["loops", "artifacts", "iterations", "evidence", "files", "events"];
const conversationName = "conversation.jsonl";

export class ExportWriter {
  readonly #write: (text: string) => void;
  #section: ExportSection = "run";
  #isEmpty = true;
  /** A file that has begun; what a conversation has after its last line end. */
  #file: { open: string; isEmpty: boolean } | null = null;

  constructor(head: { loopr: string; exported_at: number }, write: (text: string) => void) {
    this.#write = write;
    const { loopr, exported_at } = head;
    const begun = JSON.stringify({ format: "loopr-export", version: 1, loopr, exported_at });
    this.#write(begun.slice(0, -1));
  }

  /** In the order in which the daemon hands them out. */
  entry(entry: ExportEntry): void {
    if (entry.section === "run") {
      this.#write(`,\n"run":${JSON.stringify(entry.value)}`);
      return;
    }
    this.#goTo(entry.section);
    if (entry.section === "files") this.#piece(entry.value);
    else this.#item(JSON.stringify(entry.value));
  }

  end(): void {
    this.#goTo(lists.at(-1) ?? "events");
    this.#write("]}\n");
  }

  #goTo(section: ExportSection): void {
    while (this.#section !== section) {
      const next = lists[lists.indexOf(this.#section) + 1];
      if (next === undefined) throw new Error(`${section} comes too late`);
      this.#write(`${this.#section === "run" ? "" : "]"},\n"${next}":[`);
      this.#section = next;
      this.#isEmpty = true;
    }
  }

  #item(text: string): void {
    this.#write(this.#isEmpty ? `\n${text}` : `,\n${text}`);
    this.#isEmpty = false;
  }

  #piece(piece: File): void {
    const { loop_id, iteration, name, text, more } = piece;
    const isConversation = name === conversationName;
    if (this.#file === null) {
      const head = JSON.stringify({ loop_id, iteration, name });
      this.#item(`${head.slice(0, -1)},${isConversation ? '"messages":[' : '"text":"'}`);
      this.#file = { open: "", isEmpty: true };
    }
    if (isConversation) this.#messages(this.#file, text, more);
    else this.#write(JSON.stringify(text).slice(1, -1));
    if (more) return;
    this.#write(isConversation ? "]}" : '"}');
    this.#file = null;
  }

  /** A line is a message. One that a crash has cut off is kept as its text. */
  #messages(file: { open: string; isEmpty: boolean }, text: string, more: boolean): void {
    const lines = (file.open + text).split("\n");
    file.open = more ? (lines.pop() ?? "") : "";
    for (const line of lines) {
      if (line === "") continue;
      this.#write((file.isEmpty ? "\n " : ",\n ") + (isJson(line) ? line : JSON.stringify(line)));
      file.isEmpty = false;
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
