import type { Clock } from '#core/clock';
import type { DiskId } from '#core/ids';
import { seconds, type Bytes, type Millis } from '#core/units';
import type { WholeDisk } from './guest-disks.ts';

/** What happened to the disks of a guest between two looks (law L7: none of it goes unnoticed before a cutover). */
export type DiskChange =
  | { readonly type: 'DiskAppeared'; readonly disk: DiskId; readonly size: Bytes }
  | { readonly type: 'DiskVanished'; readonly disk: DiskId }
  | { readonly type: 'DiskResized'; readonly disk: DiskId; readonly before: Bytes; readonly after: Bytes }
  /** Another disk has its name now. */
  | { readonly type: 'DiskExchanged'; readonly disk: DiskId };

/** What of a disk tells that it is still the same one. */
export type DiskSight = Pick<WholeDisk, 'id' | 'size' | 'identity'>;

/** Compares two looks. In the order of the earlier, then what appeared. */
export function diskChanges(before: readonly DiskSight[], after: readonly DiskSight[]): readonly DiskChange[] {
  const now = new Map(after.map((disk) => [disk.id, disk]));
  const known = new Set(before.map(({ id }) => id));
  const changed = before.flatMap((was): readonly DiskChange[] => {
    const is = now.get(was.id);
    if (is === undefined) return [{ type: 'DiskVanished', disk: was.id }];
    if (is.identity !== was.identity) return [{ type: 'DiskExchanged', disk: was.id }];
    return is.size === was.size ? [] : [{ type: 'DiskResized', disk: was.id, before: was.size, after: is.size }];
  });
  const appeared = after
    .filter(({ id }) => !known.has(id))
    .map(({ id, size }): DiskChange => ({ type: 'DiskAppeared', disk: id, size }));
  return [...changed, ...appeared];
}

/** One sentence for a person, without the disk's name. */
export function describeDiskChange(change: DiskChange): string {
  switch (change.type) {
    case 'DiskAppeared':
      return `it appeared, with ${change.size} bytes`;
    case 'DiskVanished':
      return 'it is not there any more';
    case 'DiskResized':
      return `it had ${change.before} bytes and now has ${change.after}`;
    case 'DiskExchanged':
      return 'another disk has its name now';
  }
}

/** How to watch. */
export interface WatchOptions {
  readonly clock: Clock;
  /** How often to look. Each look reads some ten small files of sysfs per disk. */
  readonly every?: Millis;
  readonly signal: AbortSignal;
}

// Node hears no kernel events, and who resizes a disk does not do it twice a second.
const everyDefault = seconds(5);

/** Looks again and again, and reports what changed since `before`, until the signal is aborted. Never rejects. */
export async function watchDisks(
  before: readonly DiskSight[],
  look: () => Promise<readonly DiskSight[]>,
  onChange: (change: DiskChange) => void,
  { clock, every = everyDefault, signal }: WatchOptions,
): Promise<void> {
  let seen = before;
  for (;;) {
    await clock.wait(every, signal);
    if (signal.aborted) return;
    const now = await look();
    for (const change of diskChanges(seen, now)) onChange(change);
    seen = now;
  }
}
