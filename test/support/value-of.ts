import type { Result } from '#core/result';

/** The value of a `Result` that must be a success; anything else fails the test and says the error. */
export function valueOf<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(`expected a value, got ${JSON.stringify(result.error)}`);
  return result.value;
}
