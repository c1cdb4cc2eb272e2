/** The word of `known` that somebody who wrote `word` most likely meant, or nothing if none is near. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  // A third of the letters wrong is a slip; more is another word.
  const tolerated = Math.max(1, Math.floor(word.length / 3));
  const near = known
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter((found) => found.distance <= tolerated)
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.candidate;
}

// Letters to add, remove, change or swap with their neighbour to make one word of the other. Words of a file are short;
// what is longer than any key is not compared.
const lettersMax = 40;
function distance(a: string, b: string): number {
  if (a.length > lettersMax || b.length > lettersMax) return Infinity;
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + same);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped && i > 1 && j > 1) best = Math.min(best, (older[j - 2] ?? 0) + 1);
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
