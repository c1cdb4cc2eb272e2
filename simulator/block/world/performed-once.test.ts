import { expect, it } from 'vitest';
import { migrationId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import type { LiveWorld } from '#replicator/live/live-world';
import { performances } from './performed-once.ts';

const vm = migrationId('vm-1');
const other = migrationId('vm-2');
const requested = (key: string): MigrationFact => ({ type: 'EffectRequested', data: { key, effect: 'fenceSource' } });
const world: LiveWorld = {
  perform: () => Promise.resolve({ type: 'facts', facts: [] } as never),
  reconcile: () => Promise.resolve({ type: 'notDone' }),
  close: () => Promise.resolve(),
};

it('what was done more often than the log asks for it is seen, whoever does it, and what changes nothing is not', async () => {
  const seen: string[] = [];
  const { saw, watched } = performances((migration, why) => seen.push(`${migration}: ${why}`));
  const work = (key: string) => ({ key, effect: { type: 'fenceSource', params: {} } }) as never;
  const perform = (of: LiveWorld, key: string) => of.perform(work(key), () => undefined, new AbortController().signal);
  saw(vm, requested('a'));
  await perform(watched(vm, world), 'a');
  // Another of the same name is another.
  saw(other, requested('a'));
  await perform(watched(other, world), 'a');
  // It was found undone and asked for anew.
  saw(vm, requested('a'));
  await perform(watched(vm, world), 'a');
  // Nobody asked for this in the log: it is a round, or a look.
  for (let i = 0; i < 3; i += 1) await perform(watched(vm, world), 'round');
  expect(seen).toEqual([]);
  await perform(watched(vm, world), 'a');
  expect(seen).toEqual(['vm-1: fenceSource was done again, though nobody knew what had become of it']);
});
