/** Byte order of names and addresses, which is what every "first by name" of Calico's semantics means. */

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Resources of one kind, first name first. */
export function byName<R extends { readonly name: string }>(resources: Iterable<R>): R[] {
  return [...resources].sort((a, b) => compareText(a.name, b.name));
}
