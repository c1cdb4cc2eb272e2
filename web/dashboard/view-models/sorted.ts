/** How many of the ascending `values` are not above `limit`: also the place after the last of them. O(log n). */
export function countUpTo(values: ArrayLike<number>, limit: number, length = values.length): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? Infinity) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
