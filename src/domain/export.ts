// A whole run as one JSON document: what `loopr export` writes. The document is made of the entries that
// `run.export` hands out page by page, in the order of `exportSections`.
import * as z from "zod/mini";
import { ArtifactVersion } from "./artifacts.ts";
import { Evidence, IterationRecord } from "./evidence.ts";
import { Loop } from "./loop.ts";
import { Run } from "./run.ts";

/** Grows by one with each change that a reader of the older form would stumble over. */
const exportVersion = 1;

export const exportSections = [
  "run",
  "loops",
  "artifacts",
  "iterations",
  "evidence",
  "files",
  "events",
] as const;
export type ExportSection = (typeof exportSections)[number];

/** Without the fingerprint of its key, and with names of environment variables alone. */
export const ExportedRun = z.extend(z.omit(Run, { credentials: true, env: true }), {
  env: z.array(z.string()),
});
export type ExportedRun = z.infer<typeof ExportedRun>;

const ExportedArtifact = z.extend(ArtifactVersion, { loop_id: z.string() });

/** A file of an iteration's record; iteration 0 is what ran before the first. */
const fileOf = { loop_id: z.string(), iteration: z.number(), name: z.string() };

/** `more`: the text goes on in the next entry. */
export const FilePiece = z.object({ ...fileOf, text: z.string(), more: z.boolean() });
export type FilePiece = z.infer<typeof FilePiece>;

/** A conversation's messages as they were recorded, any other file as its text. */
const ExportedFile = z.union([
  z.object({ ...fileOf, messages: z.array(z.unknown()) }),
  z.object({ ...fileOf, text: z.string() }),
]);

const ExportedEvent = z.object({
  seq: z.number(),
  event: z.string(),
  loop_id: z.string(),
  at: z.number(),
  data: z.unknown(),
});

export const ExportEntry = z.discriminatedUnion("section", [
  z.object({ section: z.literal("run"), value: ExportedRun }),
  z.object({ section: z.literal("loops"), value: Loop }),
  z.object({ section: z.literal("artifacts"), value: ExportedArtifact }),
  z.object({ section: z.literal("iterations"), value: IterationRecord }),
  z.object({ section: z.literal("evidence"), value: Evidence }),
  z.object({ section: z.literal("files"), value: FilePiece }),
  z.object({ section: z.literal("events"), value: ExportedEvent }),
]);
export type ExportEntry = z.infer<typeof ExportEntry>;

/** The document. @public docs/export.md is made from it, and a test holds what is written to it. */
export const RunExport = z.object({
  format: z.literal("loopr-export"),
  version: z.literal(exportVersion),
  /** The Loopr that wrote it, and when. */
  loopr: z.string(),
  exported_at: z.number(),
  run: ExportedRun,
  /** The root first, then its descendants. */
  loops: z.array(Loop),
  /** Every version of every plan, spec and phase. */
  artifacts: z.array(ExportedArtifact),
  iterations: z.array(IterationRecord),
  evidence: z.array(Evidence),
  files: z.array(ExportedFile),
  /** Those that are still stored: the oldest go when there are too many. */
  events: z.array(ExportedEvent),
});
