import { InvalidArgumentError } from 'commander';

/** A whole number from 1 up. */
export function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('It is a whole number from 1 up.');
  return count;
}

/** NICs given one by one as `ens3=52:54:00:12:34:56`, added to those before. */
export function nicOf(
  text: string,
  before: readonly { readonly name: string; readonly mac: string }[],
): readonly { readonly name: string; readonly mac: string }[] {
  const [, name, mac] = /^([A-Za-z0-9._-]{1,15})=([0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5})$/.exec(text) ?? [];
  if (name === undefined || mac === undefined)
    throw new InvalidArgumentError('It is a name and an address, such as ens3=52:54:00:12:34:56.');
  return [...before, { name, mac: mac.toLowerCase() }];
}
