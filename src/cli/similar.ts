/** Most letters that a slip may have wrong. */
const SLIPS = 2;

/** Those of the words that a mistyped one may have been meant for, the nearest first, three at most. */
export function similar(typed: string, words: readonly string[]): readonly string[] {
  const most = Math.min(SLIPS, Math.floor(typed.length / 2));
  return words
    .map((word) => ({ word, slips: distance(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ slips, word }) => slips <= most || (typed.length > 2 && word.startsWith(typed)))
    .sort((a, b) => a.slips - b.slips)
    .slice(0, 3)
    .map(({ word }) => word);
}

/** Letters to add, drop, replace or swap with the next, to get from one text to the other. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > SLIPS) return SLIPS + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
