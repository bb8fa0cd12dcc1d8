// Work that no longer counts stays under a ref: nothing that a loop or a run has made is ever lost.
import type { Loop } from "../domain/loop.ts";
import { archiveRef, loopRef } from "./parts.ts";
import type { Repository } from "./git-port.ts";

/** Keeps a commit under the next free archive ref of a loop or run; done already, it stays where it is. */
export async function keep(repository: Repository, id: string, commit: string): Promise<void> {
  for (let n = 1; !(await repository.updateRef(archiveRef(id, n), commit, null)); n++) {
    if ((await repository.resolve(archiveRef(id, n))) === commit) break;
  }
}

/** The loop's own commits go to the archive, and the loop begins anew. */
export async function archiveWork(repository: Repository, loop: Loop): Promise<void> {
  const work = await repository.resolve(loopRef(loop.id));
  if (work === null) return;
  await keep(repository, loop.id, work);
  await repository.deleteRef(loopRef(loop.id));
}
