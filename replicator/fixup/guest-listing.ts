import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FixUpError } from '#core/ports/fix-up';
import type { Millis } from '#core/units';
import { ok, type Result } from '#core/result';
import { allOf } from './edit-guest.ts';
import type { GuestfishSession } from './guestfish.ts';

/**
 * Everything in a guest that could go into a file that a command makes there: of each file its path, kind, owner, mode,
 * size, times and the target of a link; of a folder no times; and the kernel that it is done on. The time of the last
 * change (ctime) is the one that nobody can set back.
 */
export interface GuestListing {
  /** By path. */
  readonly entries: ReadonlyMap<string, string>;
  /** When anything below /var was changed last, as far as it was looked at, in seconds since 1970 by the guest's clock. */
  readonly newestInVar: number;
}

/** Folders that programs, their settings and kernels are in. Where /lib and the like are links to /usr, they are a line. */
const folders = ['/etc', '/usr', '/boot', '/lib', '/lib32', '/lib64', '/libx32', '/bin', '/sbin'];
/** What initramfs-tools remember of the images they made. */
const states = ['/var/lib/initramfs-tools'];

/** Where the listing is written in the guest, to be fetched and taken away: it may be larger than an answer can be. */
const place = '/var/lib/sealift/listing';

// By its path: a shell of busybox takes its own find for any other, which prints no times.
// Depth 4 has logs and journals; a whole /var may have a million mails in it.
const script = `printf '/proc/version\\000f %s\\000' "$(uname -r)" > ${place}
set --
for find in /usr/bin/find /bin/find; do [ -x $find ] && break; done
for folder in ${[...folders, ...states].join(' ')}; do [ -e $folder ] && set -- "$@" $folder; done
$find "$@" \\( -type d -printf '%p\\0d %m %U %G\\0' \\) -o -printf '%p\\0%y %m %U %G %s %T@ %C@ %l\\0' >> ${place} || exit 1
[ -d /var ] || exit 0
$find /var -maxdepth 4 -path /var/lib/sealift -prune -o -type f -printf '\\0%C@\\0' >> ${place}`;

/** Lists a guest that is mounted and may be written to, with its own programs. Fails where they do not know how to. */
export async function listGuest(session: GuestfishSession): Promise<Result<GuestListing, FixUpError>> {
  const local = join(session.folder, 'listing');
  const listed = await allOf(session, [
    ['mkdir-p', '/var/lib/sealift'],
    ['sh', script],
    ['download', place, local],
  ]);
  const removed = await session.run('rm-f', place);
  if (!listed.ok) return listed;
  if (!removed.ok) return removed;
  // Names are bytes, and need not be text.
  return ok(parseListing(await readFile(local, 'latin1')));
}

/** Reads pairs of a path and what is said of it. A pair without a path is a time. */
export function parseListing(text: string): GuestListing {
  const words = text.split('\0');
  const entries = new Map<string, string>();
  let newestInVar = 0;
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [path = '', about = ''] = [words[at], words[at + 1]];
    if (path === '') newestInVar = Math.max(newestInVar, Number(about));
    else if (!restless.test(path)) entries.set(path, about);
  }
  return { entries, newestInVar };
}

/**
 * Files below these folders that a running guest writes again and again, and that go into nothing that is made:
 * resolv.conf by whoever gets an address, mtab by mount, adjtime when the clock is set, caches of blkid and LVM by
 * looking, LVM's own backups, grubenv by every boot, the queues of printers, and the sentinel's keys when it renews them.
 */
const restless =
  /^\/etc\/(resolv\.conf($|\.)|mtab$|adjtime$|\.updated$|blkid(\.tab|\/)|lvm\/(archive|backup|cache)\/|cups\/|sealift-sentinel\/)|^\/boot\/grub2?\/grubenv$/;

/** When a file was changed last; 0 for a folder, whose times say nothing of what is in its files. */
const changedAt = (about: string): number => Number(about.split(' ')[6] ?? 0);

/** The first path that is in one of both only, or is not the same in both; undefined if they say the same. */
export function firstDifference(
  one: GuestListing['entries'],
  other: GuestListing['entries'],
  except: ReadonlySet<string>,
): string | undefined {
  return differences(one, other).find((path) => !except.has(path));
}

/** All such paths, in order. */
export const differences = (one: GuestListing['entries'], other: GuestListing['entries']): readonly string[] =>
  [...new Set([...one.keys(), ...other.keys()])].filter((path) => one.get(path) !== other.get(path)).toSorted();

// Dirty pages are written after 30 seconds, and later on a busy guest.
const writtenAfter = 120;

/**
 * A file that may be in a copy by half. A round reads while the guest writes: it may see that a file was changed and
 * not yet what was written to it, which the next round brings. So what was changed while the last round ran, or so
 * short before that it was not written yet, is not to be relied on. By the guest's own clock: no file in the copy was
 * changed after the round, so the newest one is a lower bound of its end. `except`: what was edited here, by another clock.
 */
export function unsettled(
  { entries, newestInVar }: GuestListing,
  roundTook: Millis,
  except: ReadonlySet<string>,
): string | undefined {
  const times = [...entries].flatMap(([path, about]) => (except.has(path) ? [] : [[path, changedAt(about)] as const]));
  const newest = times.reduce((last, [, at]) => Math.max(last, at), newestInVar);
  const since = newest - roundTook / 1_000 - writtenAfter;
  return times.find(([, at]) => at >= since)?.[0];
}
