import type { RegistryValues } from '#core/ports/windows-guest';
import { hiveRoots, isThere, valueNamed, type RegistryLookup } from './registry.ts';

/** The key that says which control set is used for what. */
export const selectKey = `${hiveRoots.system}\\Select`;

/**
 * Names of the control sets that Windows may start from, by the values of `Select`: the one it last ran with, the one it
 * means to start, and the one that is known to have worked, which is what a person chooses after a failed boot.
 */
export function controlSetsNamed(select: RegistryValues | null | undefined): readonly string[] {
  const numbers = ['Current', 'Default', 'LastKnownGood'].flatMap((name) => {
    const value = valueNamed(select, name);
    return value?.type === 'number' && value.number > 0 ? [value.number] : [];
  });
  return [...new Set(numbers)].map((number) => `ControlSet${String(number).padStart(3, '0')}`);
}

/** Those of them that are there. */
export const controlSetsOf = (look: RegistryLookup): readonly string[] =>
  controlSetsNamed(look(selectKey)).filter((name) => isThere(look, `${hiveRoots.system}\\${name}`));
