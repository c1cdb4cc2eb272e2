import type { Check } from '#core/migration/facts';
import type { FixUpTarget, GuestImage } from '#core/ports/fix-up';
import type { NetworkSystem } from '#replicator/fixup/network/network-system';
import { onSource, onTarget } from '#replicator/fixup/network/network';
import { foundFor } from '#replicator/fixup/network/network-system';
import { differenceLines } from '#replicator/fixup/text-difference';
import type { SystemPlan } from '#replicator/fixup/system';
import { guest } from './guest-samples.ts';

/** Two NICs of a QEMU guest that keep their addresses. */
export const twoNics: FixUpTarget['nics'] = [
  { mac: '52:54:00:00:00:03', name: 'ens3' },
  { mac: '52:54:00:00:00:04', name: 'ens4' },
];

/** The same, with other addresses on the target. */
export const movedNics: FixUpTarget['nics'] = [
  { mac: '00:50:56:00:00:03', name: 'ens3', formerMac: '52:54:00:00:00:03' },
  { mac: '00:50:56:00:00:04', name: 'ens4', formerMac: '52:54:00:00:00:04' },
];

type Files = Readonly<Record<string, string>>;

/** A guest in which nothing is configured but what these files say. */
export const guestWith = (files: Files, more: Parameters<typeof guest>[1] = {}): GuestImage =>
  guest('debian', { ...more, files: { '/etc/network/interfaces': undefined, ...files } });

/** What one system plans, and comes to. */
export interface Rendered {
  readonly plan: SystemPlan;
  readonly files: Files;
  /** Each edit as a difference: its path, then the lines that go and come. */
  readonly difference: string;
  readonly findings: readonly Pick<Check, 'id' | 'message'>[];
  /** The networks each NIC had, and those it has. */
  readonly found: Readonly<Record<string, { readonly had: readonly string[]; readonly has: readonly string[] }>>;
}

/** Has one system render the files, once. */
export function rendered(
  system: NetworkSystem,
  files: Files,
  { nics = twoNics, nicModel = 'vmxnet3' }: Partial<Pick<FixUpTarget, 'nics' | 'nicModel'>> = {},
): Rendered {
  const target: FixUpTarget = { controller: 'pvscsi', nicModel, nics };
  const image = guestWith(files);
  const networks = system.collect(image.files) ?? [];
  const plan = system.render(networks, { image, target, planned: [] });
  const after = { ...image.files };
  for (const { path, after: text = '' } of plan.edits) after[path] = text;
  const changed = system.collect(after) ?? [];
  return {
    plan,
    files: after,
    difference: plan.edits
      .flatMap(({ path, before = '', after: text = '' }) => [
        path,
        ...differenceLines(before, text, 0).filter((line) => !line.startsWith('@@')),
      ])
      .join('\n'),
    findings: plan.findings.map(({ id, message }) => ({ id, message })),
    found: Object.fromEntries(
      nics.map((nic) => [
        nic.name,
        {
          had: foundFor(system, networks, onSource(nic, target)).ids,
          has: foundFor(system, changed, onTarget(nic, target)).ids,
        },
      ]),
    ),
  };
}
