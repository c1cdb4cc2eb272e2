import type { Result } from '#core/result';

/**
 * A call to somebody else, which may be lost before or after it was done. `act` does it, at one moment; `lost` makes the error
 * that says so. In a world without trouble it is `(_, act) => Promise.resolve(act())`.
 */
export type Call = <T, E>(
  operation: string,
  act: () => Result<T, E>,
  lost: (detail: string) => E,
) => Promise<Result<T, E>>;
