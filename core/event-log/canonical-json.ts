/**
 * One text per value: the JSON whose keys are in order of their UTF-16 code units and that has no space between tokens,
 * with strings and numbers as `JSON.stringify` writes them (the form of RFC 8785). Two facts that are equal have the
 * same text whatever order their keys were written in, so a hash over it survives any store that keeps JSON.
 *
 * `undefined` members are left out, as JSON leaves them out.
 */
export function canonicalJson(value: unknown): string {
  const plain = withSortedKeys(value);
  return plain === unsortable ? written(value) : JSON.stringify(plain);
}

// JavaScript enumerates keys that look like array indices first and by number, so no object lists '10' before '2' as the
// canonical order does. A value with such a key is written by hand; all others go through the engine's own writer, which
// is several times faster.
const unsortable: unique symbol = Symbol('unsortable');

/** The value itself when all keys are in order (the usual case costs no copy), else a copy in order. */
function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? sortedItems(value) : sortedMembers(value as Readonly<Record<string, unknown>>);
}

function sortedItems(items: readonly unknown[]): unknown {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i += 1) {
    const item = items[i];
    if (typeof item !== 'object' || item === null) continue;
    const sorted = withSortedKeys(item);
    if (sorted === unsortable) return unsortable;
    if (sorted === item) continue;
    copy ??= items.slice();
    copy[i] = sorted;
  }
  return copy ?? items;
}

function sortedMembers(object: Readonly<Record<string, unknown>>): unknown {
  const keys = Object.keys(object);
  let changed = false;
  let before = '';
  for (const key of keys) {
    // '__proto__' cannot be set by assignment, so it is not for the copying path either.
    if (startsWithDigit(key) || key === '__proto__') return unsortable;
    if (key < before) changed = true;
    before = key;
  }
  if (changed) keys.sort();
  let copy: Record<string, unknown> | undefined = changed ? {} : undefined;
  for (const key of keys) {
    const member = object[key];
    const sorted = typeof member === 'object' && member !== null ? withSortedKeys(member) : member;
    if (sorted === unsortable) return unsortable;
    if (copy === undefined && sorted !== member) copy = { ...object };
    if (copy !== undefined) copy[key] = sorted;
  }
  return copy ?? object;
}

function startsWithDigit(key: string): boolean {
  const code = key.charCodeAt(0);
  return code >= 48 && code <= 57;
}

function written(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`;
  const object = value as Readonly<Record<string, unknown>>;
  const members = Object.keys(object)
    .toSorted()
    .filter((key) => object[key] !== undefined)
    .map((key) => `${JSON.stringify(key)}:${written(object[key])}`);
  return `{${members.join(',')}}`;
}
