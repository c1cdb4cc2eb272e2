import { InvalidArgumentError } from 'commander';

/** A whole number from 1 up. */
export function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1)
    throw new InvalidArgumentError('It is a whole number from 1 up.');
  return count;
}

interface NicArgument {
  readonly name: string;
  readonly mac: string;
  readonly formerMac?: string;
}

/** NICs given one by one as `ens3=52:54:00:12:34:56`, with a former address after a comma, added to those before. */
export function nicOf(text: string, before: readonly NicArgument[]): readonly NicArgument[] {
  const [, name = '', macs = ''] = /^([A-Za-z0-9._-]{1,15})=([0-9a-fA-F:,]+)$/.exec(text) ?? [];
  const [mac = '', formerMac, ...more] = macs.toLowerCase().split(',');
  const isMac = (one: string): boolean => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(one);
  if (!isMac(mac) || (formerMac !== undefined && !isMac(formerMac)) || more.length > 0)
    throw new InvalidArgumentError(
      'It is a name and an address, such as ens3=52:54:00:12:34:56, and after a comma the address it had if that was another one.',
    );
  return [...before, { name, mac, ...(formerMac !== undefined && { formerMac }) }];
}
