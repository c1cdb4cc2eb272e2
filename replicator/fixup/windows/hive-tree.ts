import type { FixUpError } from '#core/ports/fix-up';
import type { RegistryValues } from '#core/ports/windows-guest';
import { ok, type Result } from '#core/result';
import { exportKey, type LocalHive } from './hivexregedit.ts';
import type { HiveTree } from './registry-tree.ts';

interface Opened {
  readonly values: RegistryValues;
  /** Keys in it, by their names in small letters. */
  readonly children: ReadonlyMap<string, { readonly name: string; readonly values: RegistryValues }>;
}

/**
 * Reads a hive key by key, from the top. The program that reads fails alike on a key that is not there and on a hive that
 * is broken, so a key is asked for only once its parent has shown that it is there; what was read is kept.
 */
export function hiveTree(hive: LocalHive): HiveTree {
  const opened = new Map<string, Promise<Result<Opened | undefined, FixUpError>>>();
  const isRoot = (key: string): boolean => key.toLowerCase() === hive.root.toLowerCase();
  const open = (key: string): Promise<Result<Opened | undefined, FixUpError>> => {
    const known = opened.get(key.toLowerCase());
    if (known !== undefined) return known;
    const reading = read(key);
    opened.set(key.toLowerCase(), reading);
    return reading;
  };
  const read = async (key: string): Promise<Result<Opened | undefined, FixUpError>> => {
    if (!isRoot(key)) {
      const there = await inParent(key);
      if (!there.ok || there.value === undefined) return there.ok ? ok(undefined) : there;
    }
    const states = await exportKey(hive, key, 2);
    if (!states.ok) return states;
    const [self, ...children] = states.value.flatMap((state) =>
      state.isAbsent ? [] : [{ name: lastOf(state.key), values: recordOf(state.values) }],
    );
    const byName = new Map(children.map((child) => [child.name.toLowerCase(), child]));
    return ok({ values: self?.values ?? {}, children: byName });
  };
  const inParent = async (key: string) => {
    const parent = await open(parentOf(key));
    return parent.ok ? ok(parent.value?.children.get(lastOf(key).toLowerCase())) : parent;
  };
  return {
    values: async (key) => {
      const found = isRoot(key) ? await open(key) : await inParent(key);
      return found.ok ? ok(found.value?.values) : found;
    },
    children: async (key) => {
      const found = await open(key);
      return found.ok ? ok([...(found.value?.children.values() ?? [])].map(({ name }) => name)) : found;
    },
  };
}

const lastOf = (key: string): string => key.slice(key.lastIndexOf('\\') + 1);
const parentOf = (key: string): string => key.slice(0, key.lastIndexOf('\\'));

const recordOf = (values: ReadonlyMap<string, RegistryValues[string] | undefined>): RegistryValues =>
  Object.fromEntries([...values].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
