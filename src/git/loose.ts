// Objects written as git writes them: loose, below objects/. Without a process for each; where the configuration has
// a say in how it is done, git does it.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, inflateSync } from "node:zlib";
import { systemCode } from "../lib/errors.ts";
import { killPoint } from "../lib/kill-point.ts";
import type { ConfigEntry } from "./configuration.ts";

/** Nobody changes an object; not even its owner by accident. */
const objectMode = 0o444;
const sha1Digits = 40;
const temporaryBytes = 8;
/** Of the type and the length that an object begins with. */
const headerBytesMax = 32;

/** Extensions of a repository that leave the form of its loose objects as it is. */
const harmlessExtensions =
  /^extensions\.(noop(-v1)?|preciousobjects|partialclone|objectformat|worktreeconfig|relativeworktrees)$/;

/** Whether a loose object of this repository is what it is by default: not shared, not synced in a way of its own. */
export function writesPlainObjects(configured: readonly ConfigEntry[]): boolean {
  return configured.every(
    ({ key }) =>
      !/^core\.(sharedrepository|fsync.*|compression|loosecompression|createobject)$/.test(key) &&
      (!key.startsWith("extensions.") || harmlessExtensions.test(key)),
  );
}

export function isLoose(objects: string, id: string): boolean {
  return existsSync(pathOf(objects, id));
}

/** Returns the object's id, which has as many digits as `like`. Throws system errors. */
export function writeLoose(
  objects: string,
  type: "tree" | "commit" | "blob",
  content: Buffer,
  like: string,
): string {
  killPoint();
  const whole = framed(type, content);
  const id = idOf(whole, like);
  const path = pathOf(objects, id);
  if (existsSync(path)) {
    // As young as a new one: git's own gc removes what is old and belongs to nothing yet.
    const now = new Date();
    utimesSync(path, now, now);
    return id;
  }
  const directory = join(objects, id.slice(0, 2));
  mkdirSync(directory, { recursive: true });
  // By this name git's gc knows what a crash has left.
  const aside = join(directory, `tmp_obj_${randomBytes(temporaryBytes).toString("hex")}`);
  try {
    writeFileSync(aside, deflateSync(whole), { flag: "wx", mode: objectMode });
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
  return id;
}

/** The id that an object of this content has, as long as `like`. */
export function objectId(type: "tree" | "blob", content: Buffer, like: string): string {
  return idOf(framed(type, content), like);
}

/** The content of a blob that is loose, no larger than so many bytes, and what its id says; null: git is to be asked. */
export function readLooseBlob(objects: string, id: string, bytesMax: number): Buffer | null {
  try {
    const options = { maxOutputLength: bytesMax + headerBytesMax };
    const whole = inflateSync(readFileSync(pathOf(objects, id)), options);
    const content = whole.subarray(whole.indexOf(0) + 1);
    return idOf(framed("blob", content), id) === id ? content : null;
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}

function framed(type: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
}

function idOf(whole: Buffer, like: string): string {
  return createHash(like.length === sha1Digits ? "sha1" : "sha256")
    .update(whole)
    .digest("hex");
}

function pathOf(objects: string, id: string): string {
  return join(objects, id.slice(0, 2), id.slice(2));
}
