/** Near misses: which of the known words somebody may have meant. */

/** How many letters must be added, removed, changed or exchanged with their neighbour. */
export function distance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const isSame = from[i - 1] === to[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (isSame ? 0 : 1));
      const isExchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isExchanged) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length];
}

/** `; did you mean peers?`, or nothing when no known word is near. */
export function nearest(word: string, known: readonly string[]): string {
  // Names of peers can be long and many; nobody mistypes that much.
  if (word.length < 2 || word.length > 100) return '';
  const lower = word.toLowerCase();
  const isNear = (one: string, far: number): boolean =>
    far <= Math.max(1, Math.floor(word.length / 3)) || one.toLowerCase().startsWith(lower);
  const near = known
    .map((one) => ({ one, far: distance(lower, one.toLowerCase()) }))
    .filter(({ one, far }) => isNear(one, far))
    .sort((x, y) => x.far - y.far)
    .slice(0, 3);
  return near.length === 0 ? '' : `; did you mean ${list(near.map(({ one }) => one))}?`;
}

/** `a, b or c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
