/**
 * One text per value: the JSON whose keys are in order of their UTF-16 code units and that has no space between tokens,
 * with strings and numbers as `JSON.stringify` writes them (the form of RFC 8785). Two facts that are equal have the
 * same text whatever order their keys were written in, so a hash over it survives any store that keeps JSON.
 *
 * `undefined` members are left out, as JSON leaves them out. Throws a `TypeError` on a `bigint`, as JSON does.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return Number.isFinite(value) ? `${value}` : 'null';
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? list(value) : members(value as Readonly<Record<string, unknown>>);
    case 'bigint':
      throw new TypeError('a BigInt cannot be written as JSON');
    default:
      return 'null';
  }
}

// Facts are written by the million, so this is as quick as the engine's own writer: most strings need no escape, which a
// look tells sooner than a call.
const plain = /^[ !#-[\]-~]*$/;

/** A string as JSON writes it. */
const quoted = (text: string): string => (plain.test(text) ? `"${text}"` : JSON.stringify(text));

/**
 * A string as JSON writes it, without the quotes. A text is put together from fewer pieces where the quotes are part of
 * what stands around it, and joining the pieces is half of what a fact costs.
 */
export const escaped = (text: string): string => (plain.test(text) ? text : JSON.stringify(text).slice(1, -1));

/** A key with what stands around it, as an object's first member and as a later one. */
interface KeyText {
  readonly first: string;
  readonly later: string;
}

// Facts of one type have the same keys, and there are few types: quoting a key once is enough. Bounded, because what is
// read from a foreign log may have any keys.
const keyTexts = new Map<string, KeyText>();
const keyTextsMax = 1_000;

function keyText(key: string): KeyText {
  const known = keyTexts.get(key);
  if (known !== undefined) return known;
  if (keyTexts.size >= keyTextsMax) keyTexts.clear();
  const text = { first: `{${quoted(key)}:`, later: `,${quoted(key)}:` };
  keyTexts.set(key, text);
  return text;
}

function list(items: readonly unknown[]): string {
  let text = '[';
  for (let i = 0; i < items.length; i += 1) text += i === 0 ? canonicalJson(items[i]) : `,${canonicalJson(items[i])}`;
  return `${text}]`;
}

function members(object: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key of inOrder(Object.keys(object))) {
    const member = object[key];
    if (member === undefined) continue;
    const { first, later } = keyText(key);
    text = text === '' ? first + canonicalJson(member) : text + later + canonicalJson(member);
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Sorts in place. Objects are small and mostly in order, where inserting beats the engine's sort several times. */
function inOrder(keys: string[]): string[] {
  if (keys.length > 32) return keys.sort();
  for (let i = 1; i < keys.length; i += 1) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at -= 1) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
