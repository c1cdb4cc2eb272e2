import type { FixUpError, GuestDevice } from '#core/ports/fix-up';
import { ok, type Result } from '#core/result';
import type { GuestfishSession } from './guestfish.ts';

/** Everything on the disks that may hold a file system, swap or encrypted data, with what blkid says of it. */
export async function guestDevices(session: GuestfishSession): Promise<Result<readonly GuestDevice[], FixUpError>> {
  const listed = await session.runAll([['list-devices'], ['list-partitions'], ['lvs'], ['list-md-devices']]);
  const names: { readonly name: string; readonly kind: GuestDevice['kind'] }[] = [];
  for (const [index, kind] of (['disk', 'partition', 'lvm', 'md'] as const).entries()) {
    const answer = listed[index];
    if (answer === undefined) continue;
    if (!answer.ok) return answer;
    names.push(...linesOf(answer.value).map((name) => ({ name, kind })));
  }
  const probes = await session.runAll(names.map(({ name }) => ['blkid', name]));
  const parts = await partsOf(
    session,
    names.filter(({ kind }) => kind === 'lvm').map(({ name }) => name),
  );
  return ok(
    names.map(({ name, kind }, index) => {
      // blkid fails on what it does not recognize: an empty disk is no error.
      const probe = probes[index];
      const tags = probe?.ok ? tagsOf(probe.value) : {};
      return {
        name,
        kind,
        type: tags['TYPE'] ?? '',
        uuid: tags['UUID'] ?? '',
        label: tags['LABEL'] ?? '',
        partUuid: tags['PART_ENTRY_UUID'] ?? '',
        partType: (tags['PART_ENTRY_TYPE'] ?? '').toLowerCase(),
        parts: parts.get(name) ?? (kind === 'partition' ? [name.replace(/p?\d+$/, '')] : []),
      };
    }),
  );
}

/** The physical volumes under each logical volume: those of its whole group, as LVM may put it on any of them. */
async function partsOf(
  session: GuestfishSession,
  volumes: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (volumes.length === 0) return new Map();
  const groups = [...new Set(volumes.map(groupOf))];
  const physical = await session.run('pvs');
  const names = physical.ok ? linesOf(physical.value) : [];
  const uuids = await session.runAll(names.map((name) => ['pvuuid', name]));
  const members = await session.runAll(groups.map((group) => ['vgpvuuids', group]));
  const byGroup = new Map(
    groups.map((group, index) => {
      const answer = members[index];
      const inGroup = new Set(answer?.ok ? linesOf(answer.value) : []);
      const own = names.filter((_, at) => {
        const uuid = uuids[at];
        return uuid?.ok === true && inGroup.has(uuid.value.trim());
      });
      return [group, own] as const;
    }),
  );
  return new Map(volumes.map((volume) => [volume, byGroup.get(groupOf(volume)) ?? []]));
}

const groupOf = (volume: string): string => volume.split('/')[2] ?? '';

/** Lines of an answer, without empty ones. */
export const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

/** `KEY: value` lines, as guestfish prints a table of names and values. */
const tagsOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    linesOf(text).flatMap((line) => {
      const at = line.indexOf(': ');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 2)] as const];
    }),
  );
