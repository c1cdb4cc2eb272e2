import type { Check } from '#core/migration/facts';
import type { FixUpTarget } from '#core/ports/fix-up';
import { warning } from '#replicator/fixup/system';
import {
  fits,
  holds,
  isOldDriver,
  isOldPlatform,
  macOf,
  nicAtPlace,
  onTarget,
  type Network,
  type Nic,
  type Term,
} from './network.ts';

/** What becomes of a term whose values are other ones on the target, as data: each system writes it in its own words. */
export type Change =
  | { readonly type: 'values'; readonly term: Term; readonly values: readonly string[] }
  /** Another kind of term takes its place. */
  | { readonly type: 'instead'; readonly term: Term; readonly by: 'name' | 'mac'; readonly value: string }
  /** What else the network looks for is enough. */
  | { readonly type: 'drop'; readonly term: Term };

/** A change with what is said of it. */
export interface ChangeSaid {
  readonly change: Change;
  readonly what: string;
  readonly why: string;
}

type Hardware = Pick<FixUpTarget, 'nics' | 'nicModel'>;

/** What has to change so that a network finds on the target the NIC it found on the source, and what cannot be said. */
export function changesOf(
  system: string,
  network: Network,
  hardware: Hardware,
): { readonly changes: readonly ChangeSaid[]; readonly findings: readonly Check[] } {
  const changes: ChangeSaid[] = [];
  const findings: Check[] = [];
  for (const term of [...network.terms, ...(network.setsMac === undefined ? [] : [network.setsMac])]) {
    const change = changeOf(term, network, hardware);
    if (change === undefined) continue;
    if (typeof change === 'string' || term.place === undefined)
      findings.push(
        warning(
          `${system}:${network.id}`,
          `${network.path}: ${written(term)} ${typeof change === 'string' ? change : 'is in the name of the file'}`,
          `let ${network.path} of the source find its NIC by name or address`,
        ),
      );
    else changes.push({ change, ...wordsFor(change, network) });
  }
  return { changes, findings };
}

/** A change, a sentence that says why there is none where one is needed, or undefined where none is needed. */
function changeOf(term: Term, network: Network, hardware: Hardware): Change | string | undefined {
  const { nics, nicModel } = hardware;
  switch (term.by) {
    case 'mac':
      return replaced(term, (value) => newMac(value, nics) ?? value);
    case 'driver': {
      const own = network.gives === undefined ? undefined : nics.find(({ name }) => name === network.gives);
      // Where a name is given, a driver that all NICs have would give it to the first that comes.
      const isMany = own !== undefined && nics.length > 1 && term.key === 'Driver' && !hasTerm(network, 'mac');
      if (isMany && term.values.some(isOldDriver)) return { type: 'instead', term, by: 'mac', value: own.mac };
      const after = mapped(term.values, (value) => (isOldDriver(value) && !fits(value, nicModel) ? nicModel : value));
      if (same(after, term.values)) return undefined;
      return { type: 'values', term, values: after };
    }
    case 'platform':
      // "Not on this hypervisor" stays as it is: it is right on another one.
      return replaced(term, (value) => (isOldPlatform(value) ? 'vmware' : value), { negated: false });
    case 'path':
      return placed(term, network, hardware);
    case 'kernelName': {
      const own = nics.find(({ name }) => name === network.gives);
      const isOrder = term.values.some((value) => /^eth\d+$/.test(value));
      if (own === undefined || !isOrder || nics.length < 2) return undefined;
      return hasTerm(network, 'mac') ? { type: 'drop', term } : { type: 'instead', term, by: 'mac', value: own.mac };
    }
    case 'name':
      return undefined;
  }
}

/** A place becomes the name of the NIC that was there; where a name is given, its address. */
function placed(term: Term, network: Network, { nics, nicModel }: Hardware): Change | string | undefined {
  if (nics.length === 0) return 'is a place, and no NIC of the source is known';
  const views = nics.map((nic) => onTarget(nic, { nicModel }));
  if (views.some((view) => holds(term, view) === 'yes')) return undefined;
  const rest = { ...network, terms: network.terms.filter((one) => one.by === 'name' || one.by === 'mac') };
  // What else is asked for may leave one NIC only.
  const left = nics.filter((_, index) =>
    rest.terms.every((one) => views[index] !== undefined && holds(one, views[index]) !== 'no'),
  );
  const given = nics.find(({ name }) => name === network.gives);
  const nic = given ?? (term.values.length === 1 ? nicAtPlace(term.values[0] ?? '', left) : undefined);
  if (nic === undefined) return 'is a place, and it is not known which NIC was there';
  const by = network.gives === undefined ? 'name' : 'mac';
  if (hasTerm(network, by)) return { type: 'drop', term };
  return { type: 'instead', term, by, value: by === 'name' ? nic.name : nic.mac };
}

const hasTerm = ({ terms }: Network, by: Term['by']): boolean => terms.some((term) => term.by === by);

function replaced(
  term: Term,
  map: (value: string) => string,
  { negated = true }: { readonly negated?: boolean } = {},
): Change | undefined {
  const values = mapped(term.values, map, negated);
  return same(values, term.values) ? undefined : { type: 'values', term, values };
}

/** Values with what a mapping makes of them, each once; the sign before one that must not fit stays. */
function mapped(values: readonly string[], map: (value: string) => string, negated = true): readonly string[] {
  const after = values.map((value) =>
    value.startsWith('!') ? (negated ? `!${map(value.slice(1))}` : value) : map(value),
  );
  return [...new Set(after)];
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);

/** The address a NIC gets in place of this one, written as this one is: with capitals, or with dashes. */
function newMac(value: string, nics: readonly Nic[]): string | undefined {
  const nic = nics.find(({ formerMac }) => formerMac !== undefined && macOf(formerMac) === macOf(value));
  if (nic === undefined || macOf(nic.mac) === macOf(value)) return undefined;
  const mac = value.includes('-') ? macOf(nic.mac).replaceAll(':', '-') : macOf(nic.mac);
  return /[A-F]/.test(value) ? mac.toUpperCase() : mac;
}

const written = ({ key, values }: Term): string => `${key}=${values.join(' ')}`;

function wordsFor(change: Change, { id }: Network): { readonly what: string; readonly why: string } {
  const { term } = change;
  const what =
    change.type === 'values'
      ? `${id}: ${term.key} ${change.values.join(' ')} in place of ${term.values.join(' ')}`
      : change.type === 'instead'
        ? `${id}: found by ${change.by === 'name' ? 'the name' : 'the address'} ${change.value}, not by ${written(term)}`
        : `${id}: no longer looked for by ${written(term)}`;
  return { what, why: whys[term.by] };
}

const whys: Readonly<Record<Term['by'], string>> = {
  name: 'the name is another one',
  mac: 'the NIC gets another address',
  driver: 'the NIC has another driver on the target, and what is matched by the old one is not found',
  path: 'the NIC is in another slot on the target; its name and its address are kept',
  platform: 'the guest runs on another hypervisor, and what is for the old one only does not apply',
  kernelName: 'the kernel numbers NICs in the order it finds them, which is another one on other hardware',
};
