/**
 * The fewest parts that still do it, found by taking away halves, quarters and so on to single ones (delta debugging):
 * in the end no single part can be taken away. `does` says whether some of them, in their order, do it; all of them do.
 */
export async function fewestParts<T>(
  parts: readonly T[],
  does: (kept: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  // What takes none of them is common, and found at once.
  if (await does([])) return [];
  let kept = parts;
  let size = Math.ceil(kept.length / 2);
  while (kept.length > 0) {
    let taken = false;
    for (let start = 0; start < kept.length;) {
      const rest = [...kept.slice(0, start), ...kept.slice(start + size)];
      if (rest.length > 0 && (await does(rest))) {
        kept = rest;
        taken = true;
      } else start += size;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!taken) return kept;
  }
  return kept;
}
