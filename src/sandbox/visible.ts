// What of the file system a job would see with certain mounts.
import { isBelow, type Mount } from "./bwrap.ts";

/** Whether the innermost mount around a path is a mask. */
export function isHidden(path: string, mounts: readonly Mount[]): boolean {
  const kind = innermost(path, mounts)?.kind;
  return kind !== undefined && kind !== "writable" && kind !== "readonly";
}

/** At the same path what opens goes before what hides, as in the order of the mounts. */
export function innermost(path: string, mounts: readonly Mount[]): Mount | undefined {
  const around = mounts.filter((mount) => mount.path === path || isBelow(path, mount.path));
  const opens = ({ kind }: Mount) => Number(kind === "writable" || kind === "readonly");
  return around.sort((a, b) => b.path.length - a.path.length || opens(b) - opens(a))[0];
}
