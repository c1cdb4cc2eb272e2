/** Streams that take the same way and are held to the same limit each: they get the same rate. */
export interface StreamClass {
  /** The places of `capacities` that the streams pass. */
  readonly path: readonly number[];
  readonly streams: number;
  /** The most that one stream can take. */
  readonly streamMax: number;
}

/**
 * Max-min fair rates, one per class: nobody gets more unless somebody who has less would lose. What TCP streams over the
 * same links come to in the long run.
 *
 * Fills up progressively: the tightest place is found, its streams get an equal share of it and are settled; the rest
 * share what is left. A class whose own limit is below every share is settled with that limit. Each pass settles at
 * least one class, so it takes at most classes x (classes + places) steps.
 */
export function fairRates(classes: readonly StreamClass[], capacities: readonly number[]): readonly number[] {
  const rates = classes.map(() => 0);
  const left = [...capacities];
  const streams = capacities.map(() => 0);
  let open: number[] = [];
  classes.forEach((each, i) => {
    if (each.streams === 0) return;
    open.push(i);
    for (const place of each.path) streams[place] = (streams[place] ?? 0) + each.streams;
  });
  const settle = (i: number, rate: number): void => {
    const { path, streams: count } = at(classes, i);
    rates[i] = rate;
    for (const place of path) {
      left[place] = Math.max(0, at(left, place) - rate * count);
      streams[place] = at(streams, place) - count;
    }
  };
  while (open.length > 0) {
    const { share, place } = tightest(left, streams);
    const limited = open.filter((i) => at(classes, i).streamMax <= share);
    const settled = limited.length > 0 ? limited : open.filter((i) => at(classes, i).path.includes(place));
    for (const i of settled) settle(i, Math.min(share, at(classes, i).streamMax));
    const done = new Set(settled);
    open = open.filter((i) => !done.has(i));
  }
  return rates;
}

function tightest(
  left: readonly number[],
  streams: readonly number[],
): { readonly share: number; readonly place: number } {
  let share = Infinity;
  let place = -1;
  for (let i = 0; i < left.length; i += 1) {
    const count = at(streams, i);
    if (count === 0) continue;
    const each = at(left, i) / count;
    if (each < share) {
      share = each;
      place = i;
    }
  }
  return { share, place };
}

function at<T>(items: readonly T[], i: number): T {
  const item = items[i];
  if (item === undefined) throw new RangeError(`no item ${i}`);
  return item;
}
