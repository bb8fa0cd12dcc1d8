/**
 * Runs work side by side and waits until all of it has ended, so that nothing goes on behind the caller's back.
 * Throws the failure that comes first in the list.
 */
export async function together<T extends readonly unknown[]>(
  ...work: { [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work) as Promise<unknown> as Promise<T>;
}
