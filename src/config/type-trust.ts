// What a project makes Loopr run: its configuration, and its types of loops. Each counts only after `loopr trust`,
// and each is accepted by itself: a change of one does not ask for the other again.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ProjectFile } from "./project-file.ts";
import { requireTrust, type TrustedProject } from "./trust.ts";
import { readTypeFiles, TypeFields, type TypeFile } from "./type-files.ts";

/** What is accepted as one. */
export interface TrustSource {
  project: TrustedProject;
  file: ProjectFile;
}

export function projectTypesDirectory(root: string): string {
  return join(root, ".loopr", "loops");
}

/** The types of a project, those that make commands run to be trusted; null where it has none. Throws `config_invalid`. */
export function typesToTrust(project: TrustedProject, root: string): TrustSource | null {
  return sourceOf(project, readTypeFiles(projectTypesDirectory(root), "project"), root);
}

/** Throws `not_trusted`. */
export function requireTypeTrust(project: TrustedProject, files: readonly TypeFile[], root: string): void {
  const source = sourceOf(project, files, root);
  if (source) requireTrust(source.project, source.file);
}

function sourceOf(project: TrustedProject, files: readonly TypeFile[], root: string): TrustSource | null {
  const own = files.filter(({ level }) => level === "project");
  if (own.length === 0) return null;
  const running = own.filter(({ fields }) => fields.validation);
  const entries = running.map(({ name, fields, lineOf }) => ({
    key: {
      name: `${name}.yml: validation.command`,
      schema: TypeFields.shape.validation,
      project: "trusted" as const,
    },
    value: fields.validation?.command,
    line: lineOf("validation.command"),
  }));
  const text = running.map(({ name, text }) => `${name} ${digest(text)}\n`).join("");
  return {
    project: { ...project, projectHash: `${project.projectHash}:loops` },
    file: { path: projectTypesDirectory(root), text, entries, trusted: entries },
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
