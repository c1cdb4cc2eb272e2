import type { SourcePlatform } from '#core/migration/plan';
import { guestNames, type GuestName } from '#simulator/estate/guest';

/** What an operating system in an inventory's words comes to. */
export type GuestMatch =
  | { readonly type: 'exact' | 'nearest'; readonly guest: GuestName }
  /** The inventory does not say, or not enough to tell its family. */
  | { readonly type: 'unknown'; readonly guest: GuestName }
  /** Neither Linux nor Windows. */
  | { readonly type: 'foreign' };

// What is most common on each platform. Assumed.
const usual: Readonly<Record<SourcePlatform, GuestName>> = { kvm: 'rhel-9', hyperv: 'windows-2019', ahv: 'rhel-9' };

const foreign = /bsd|solaris|darwin|mac ?os|netware|os\/2|ms-?dos|\baix\b|hp-ux|unixware/;
const windows = /windows|microsoft|\bwin\b|\bwin(?=\d|xp)/;
// The first that fits; `isItself` says that the name is the distribution's own and not a relative's.
const distributions: readonly (readonly [word: RegExp, name: string, isItself: boolean])[] = [
  [/ubuntu/, 'ubuntu', true],
  [/debian/, 'debian', true],
  [/opensuse/, 'sles', false],
  [/suse|sles/, 'sles', true],
  [/red ?hat|rhel/, 'rhel', true],
  [/centos|rocky|alma|oracle|fedora|amazon|scientific/, 'rhel', false],
  [/linux|photon|flatcar|coreos/, 'rhel', false],
];
// Clients of Windows by the server that has the same kernel.
const serverOfClient: Readonly<Record<string, number>> = { 7: 2008, 8: 2012, 10: 2019, 11: 2022 };

/** The known guest for what an inventory calls an operating system, in whichever of the usual forms. */
export function guestOf(said: string | undefined, platform: SourcePlatform): GuestMatch {
  const text = withoutWidth((said ?? '').toLowerCase());
  if (foreign.test(text)) return { type: 'foreign' };
  if (windows.test(text)) return windowsOf(text);
  for (const [word, name, isItself] of distributions) {
    const found = word.exec(text);
    if (!found) continue;
    const version = /\d+(?:\.\d+)?/.exec(text.slice(found.index + found[0].length))?.[0];
    return nearest(name, version, isItself);
  }
  return { type: 'unknown', guest: usual[platform] };
}

// `(64-bit)`, `_64Guest`, `linux:64:`: no versions.
const withoutWidth = (text: string): string =>
  text.replaceAll(/x86[_-]64|amd64|i[3-6]86|(?:32|64)[ -]?bit|_?(?:32|64)_?guest|:(?:32|64):/g, ' ');

function windowsOf(text: string): GuestMatch {
  // `2k19`, `2k8r2`: short for 2019 and 2008.
  const long = text.replaceAll(/2k(\d{1,2})/g, (_, year: string) => `20${year.padStart(2, '0')}`);
  const server = /(?<!\d)20\d\d(?!\d)/.exec(long)?.[0];
  if (server !== undefined) return nearest('windows', server, true);
  const client = /win(?:dows)?\D*(\d+)/.exec(long)?.[1] ?? '';
  const asServer = serverOfClient[client];
  return nearest('windows', asServer === undefined ? undefined : String(asServer), false);
}

/** The known guest of that name with the version that is closest, the newest where none is said. */
function nearest(name: string, version: string | undefined, isItself: boolean): GuestMatch {
  const known = guestNames
    .filter((guest) => guest.startsWith(`${name}-`))
    .map((guest) => ({ guest, version: guest.slice(name.length + 1) }));
  const wanted = Number(version ?? Infinity);
  const [best] = known.toSorted(
    (a, b) =>
      distance(Number(a.version), wanted) - distance(Number(b.version), wanted) ||
      Number(b.version) - Number(a.version),
  );
  // Every distribution above is one of the known guests; if one is taken away, the usual guest stands in.
  if (!best) return { type: 'nearest', guest: usual.kvm };
  // A guest without a dot in its version stands for all its minor versions.
  const said = best.version.includes('.') ? version : version?.split('.')[0];
  return { type: isItself && said === best.version ? 'exact' : 'nearest', guest: best.guest };
}

const distance = (a: number, b: number): number => (b === Infinity ? 0 : Math.abs(a - b));
