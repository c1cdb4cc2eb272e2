import type { Edit } from '#core/ports/fix-up';
import type { RegistryValue, RegistryValues, WindowsGuest } from '#core/ports/windows-guest';
import { invariant } from '#core/invariant';
import { isSameValue, registryText, type KeyState } from './registry-text.ts';

/** Where the two hives that a fix-up looks at are in the registry. */
export const hiveRoots = { system: 'HKEY_LOCAL_MACHINE\\SYSTEM', software: 'HKEY_LOCAL_MACHINE\\SOFTWARE' } as const;

/** A key below one of the control sets. */
export const inSet = (set: string, key: string): string => `${hiveRoots.system}\\${set}\\${key}`;

/** Values of a key by its name, in any case: null if there is no such key, undefined if nobody looked. */
export type RegistryLookup = (key: string) => RegistryValues | null | undefined;

/** Looks in what an inspection read. */
export function lookupIn({ registry }: Pick<WindowsGuest, 'registry'>): RegistryLookup {
  const keys = new Map(Object.entries(registry).map(([key, values]) => [key.toLowerCase(), values]));
  return (key) => keys.get(key.toLowerCase());
}

/** Whether there is such a key, as far as anybody looked. */
export function isThere(look: RegistryLookup, key: string): boolean {
  const values = look(key);
  return values !== null && values !== undefined;
}

/** A value by its name, in any case. */
export const valueNamed = (values: RegistryValues | null | undefined, name: string): RegistryValue | undefined =>
  Object.entries(values ?? {}).find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];

/** A number, or undefined if there is none of that name. */
export function numberIn(look: RegistryLookup, key: string, name: string): number | undefined {
  const value = valueNamed(look(key), name);
  return value?.type === 'number' ? value.number : undefined;
}

/** A string, empty if there is none of that name. */
export function textOf(values: RegistryValues | null | undefined, name: string): string {
  const value = valueNamed(values, name);
  return value?.type === 'string' || value?.type === 'expandable' ? value.text : '';
}

/** Strings of a value that has several, or the one of a value that has one; none if they are all empty. */
export function textsOf(values: RegistryValues | null | undefined, name: string): readonly string[] {
  const value = valueNamed(values, name);
  const texts = value?.type === 'strings' ? value.texts : [textOf(values, name)];
  return texts.filter((text) => text !== '');
}

/** Whether it is as is said. A key nobody looked at is not. */
export function holds(look: RegistryLookup, state: KeyState): boolean {
  const values = look(state.key);
  if (values === undefined) return false;
  if (state.isAbsent) return values === null;
  return values !== null && [...state.values].every(([name, value]) => isSameValue(valueNamed(values, name), value));
}

/** A key with these values; undefined for one that is not to be there. */
export const keyWith = (key: string, values: Readonly<Record<string, RegistryValue | undefined>> = {}): KeyState => ({
  key,
  values: new Map(Object.entries(values)),
});

/** A key that is not there. */
export const keyAbsent = (key: string): KeyState => ({ key, isAbsent: true });

/** A number as a value. */
export const dword = (number: number): RegistryValue => ({ type: 'number', number });

/** What is said of an edit. `id` is whole. */
export interface RegistryEditWords {
  readonly id: string;
  readonly what: string;
  readonly why: string;
}

/** The edit that makes the registry so, or none if it is so already. Parents of a key come before it. */
export function registryEdit(
  windows: WindowsGuest,
  words: RegistryEditWords,
  states: readonly KeyState[],
): readonly Edit[] {
  const look = lookupIn(windows);
  const wrong = states.filter((state) => !holds(look, state)).map((state) => differing(look, state));
  if (wrong.length === 0) return [];
  const { path } = windows.hives.system;
  return [
    {
      ...words,
      path,
      before: registryText(wrong.map((state) => asNow(look, state))),
      after: registryText(wrong),
      keeps: keptHive(path),
      hive: hiveRoots.system,
    },
  ];
}

/** Where a hive is kept as it was: below its own folder, where only the system looks. */
export const keptHive = (path: string): string => path.replace(/([^/]+)$/, 'sealift-before/$1');

function differing(look: RegistryLookup, state: KeyState): KeyState {
  if (state.isAbsent) return state;
  const values = look(state.key);
  return {
    ...state,
    values: new Map([...state.values].filter(([name, value]) => !isSameValue(valueNamed(values, name), value))),
  };
}

function asNow(look: RegistryLookup, state: KeyState): KeyState {
  const values = look(state.key);
  invariant(values !== undefined, `nobody looked at ${state.key}`);
  if (values === null) return keyAbsent(state.key);
  return state.isAbsent
    ? keyWith(state.key, values)
    : { ...state, values: new Map([...state.values.keys()].map((name) => [name, valueNamed(values, name)])) };
}
