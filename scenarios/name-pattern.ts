/** Whether a name is one of those that a pattern stands for: `*` is any part of a name. */
export function fitsPattern(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** Whether one of the patterns stands for it. */
export const fitsAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => fitsPattern(pattern, name));
