import { describe, expect, it } from 'vitest';
import { seconds } from '#core/units';
import { differences, firstDifference, parseListing, unsettled } from './guest-listing.ts';

const file = (path: string, ctime: number, size = 1): string =>
  `${path}\0f 644 0 0 ${size} 100.0000000000 ${ctime}.5000000000 \0`;
const folder = (path: string): string => `${path}\0d 755 0 0\0`;
const inVar = (ctime: number): string => `\0${ctime}.0000000000\0`;
const none: ReadonlySet<string> = new Set();

describe('a listing of a guest', () => {
  it('has a line for each file and folder, and the newest time below /var', () => {
    const { entries, newestInVar } = parseListing(
      [folder('/etc'), file('/etc/fstab', 200), inVar(300), inVar(250), '/lib\0l 777 0 0 7 1.0 2.0 usr/lib\0'].join(''),
    );
    expect([...entries]).toEqual([
      ['/etc', 'd 755 0 0'],
      ['/etc/fstab', 'f 644 0 0 1 100.0000000000 200.5000000000 '],
      ['/lib', 'l 777 0 0 7 1.0 2.0 usr/lib'],
    ]);
    expect(newestInVar).toBe(300);
  });

  it.each([
    '/etc/resolv.conf',
    '/etc/resolv.conf.dhclient-new.12',
    '/etc/mtab',
    '/etc/adjtime',
    '/etc/lvm/backup/guest',
    '/boot/grub/grubenv',
    '/etc/sealift-sentinel/cert.pem',
  ])('leaves out %s, which a running guest writes by itself', (path) =>
    expect(parseListing(file(path, 1)).entries.size).toBe(0),
  );

  it.each(['/etc/resolvconf/run', '/etc/lvm/lvm.conf', '/etc/mtab.conf', '/boot/grub/grub.cfg', '/usr/etc/mtab'])(
    'does not leave out %s',
    (path) => expect(parseListing(file(path, 1)).entries.size).toBe(1),
  );

  it('differs where a file was changed, came or went, but for those that do not count', () => {
    const before = parseListing(`${file('/etc/a', 1)}${file('/etc/b', 1)}${file('/etc/c', 1)}`).entries;
    const after = parseListing(`${file('/etc/a', 2)}${file('/etc/c', 1)}${file('/etc/d', 1)}`).entries;
    expect(differences(before, after)).toEqual(['/etc/a', '/etc/b', '/etc/d']);
    expect(firstDifference(before, after, new Set(['/etc/a']))).toBe('/etc/b');
    expect(firstDifference(before, before, none)).toBeUndefined();
  });
});

describe('a file in a copy of a guest that runs', () => {
  // The last round ran for ten seconds before 1000; two minutes are for what was not on the disk when it began.
  const took = seconds(10);

  it('is settled if it was changed long before the last round', () =>
    expect(unsettled(parseListing(`${file('/usr/a', 869)}${inVar(1_000)}`), took, none)).toBeUndefined());

  it.each([870, 995])('may be there by half if it was changed at %d', (at) =>
    expect(unsettled(parseListing(`${file('/usr/a', at)}${inVar(1_000)}`), took, none)).toBe('/usr/a'),
  );

  it('is judged by the newest file there is, wherever that is', () =>
    expect(unsettled(parseListing(`${file('/usr/a', 900)}${file('/etc/b', 1_000)}`), took, none)).toBe('/usr/a'));

  it('is not judged by what was edited here, whose clock is another', () => {
    const listing = parseListing(`${file('/usr/a', 995)}${file('/etc/fstab', 9_000)}${inVar(1_000)}`);
    expect(unsettled(listing, took, new Set(['/etc/fstab']))).toBe('/usr/a');
  });
});
