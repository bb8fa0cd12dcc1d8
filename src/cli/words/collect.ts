// An option that may be given again.

/** Not a variadic option: that would take the words after it, too. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}
