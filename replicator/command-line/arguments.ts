import { InvalidArgumentError } from 'commander';

/** A whole number from 1 up. */
export function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('It is a whole number from 1 up.');
  return count;
}
