import type { FixUpError } from '#core/ports/fix-up';
import type { RegistryValues } from '#core/ports/windows-guest';
import type { Result } from '#core/result';

/** A hive that is read as far as is asked. Names are those of the registry, whatever their case. */
export interface HiveTree {
  /** Values of a key, or undefined if there is no such key. */
  values(key: string): Promise<Result<RegistryValues | undefined, FixUpError>>;
  /** Names of the keys directly in a key; none if it is not there. */
  children(key: string): Promise<Result<readonly string[], FixUpError>>;
}
