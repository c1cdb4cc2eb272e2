import { isMap, isScalar, isSeq, parse, parseDocument, YAMLMap, YAMLSeq, type Document } from 'yaml';
import { nearestWord } from '#scenarios/nearest-word';
import { err, ok, type Result } from '#core/result';

/** One thing that is to be different: `links.wan.bandwidth=500Mbit`. */
export interface Override {
  readonly path: readonly string[];
  readonly value: string;
}

// What a world may become while it goes on. Which VMs there are, and what was planned, are facts by then.
const settable = {
  links: ['bandwidth', 'latency', 'loss'],
  hosts: ['read'],
  gateway: ['bandwidth', 'flow'],
  receiver: ['bandwidth', 'flow'],
  datastores: ['write'],
} as const satisfies Record<string, readonly string[]>;
type Root = keyof typeof settable;
const roots = Object.keys(settable) as readonly Root[];
const isListed = (root: Root): boolean => root !== 'gateway' && root !== 'receiver';
const allowed = roots.map((root) => `${root}${isListed(root) ? '.<name>' : ''}.${settable[root].join('|')}`).join(', ');

function meant(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known);
  return near === undefined || near === word ? '' : `; did you mean ${near}?`;
}

/** Reads `path=value`. The error is a sentence. */
export function overrideOf(text: string): Result<Override, string> {
  const at = text.indexOf('=');
  const path = text
    .slice(0, at)
    .trim()
    .replace(/^estate\./, '')
    .split('.');
  const value = text.slice(at + 1).trim();
  if (at < 1 || value === '' || path.includes(''))
    return err(`"${text}" must be a place and a value, such as links.wan.bandwidth=500Mbit`);
  const [first = ''] = path;
  const root = roots.find((known) => known === first);
  if (root === undefined)
    return err(`${first} cannot be set in a rehearsal that goes on${meant(first, roots)} (what can be: ${allowed})`);
  const what = path.at(-1) ?? '';
  const known: readonly string[] = settable[root];
  if (path.length !== (isListed(root) ? 3 : 2) || !known.includes(what))
    return err(`"${path.join('.')}" cannot be set${meant(what, known)} (what can be: ${allowed})`);
  return ok({ path, value });
}

/** The scenario's text with other values. What they must be is judged when it is loaded. The error is a sentence. */
export function overridden(text: string, overrides: readonly Override[]): Result<string, string> {
  const document = parseDocument(text);
  for (const { path, value } of overrides) {
    const holder = holderOf(document, path);
    if (!holder.ok) return holder;
    const spaced = value.replace(/^(\d+(?:\.\d+)?)\s*([A-Za-z%].*)$/, '$1 $2');
    holder.value.set(path.at(-1), parse(spaced));
  }
  return ok(document.toString());
}

/** The map that holds the last key of a path, made where the scenario leaves it to a default. */
function holderOf(document: Document, [root = '', name = '']: readonly string[]): Result<YAMLMap, string> {
  const found: unknown = document.getIn(['estate', root], true);
  if (root === 'gateway' || root === 'receiver') {
    if (isMap(found)) return ok(found);
    const made = new YAMLMap();
    document.setIn(['estate', root], made);
    return ok(made);
  }
  if (isSeq(found)) {
    const named = found.items.filter(isMap);
    const item = named.find((each) => nameOf(each) === name);
    if (item) return ok(item);
    const names = named.map(nameOf);
    return err(`the scenario has no ${root} called ${name}${meant(name, names) || ` (it has ${names.join(', ')})`}`);
  }
  // Without links of its own a scenario has one that is called wan.
  if (root !== 'links' || name !== 'wan') return err(`the scenario lists no ${root}, so none can be set`);
  const link = new YAMLMap();
  link.set('name', name);
  link.set('bandwidth', '1 Gbit/s');
  const links = new YAMLSeq();
  links.add(link);
  document.setIn(['estate', root], links);
  return ok(link);
}

function nameOf(item: YAMLMap): string {
  const name = item.get('name', true);
  return isScalar(name) ? String(name.value) : '';
}
