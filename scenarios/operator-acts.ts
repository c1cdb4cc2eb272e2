import { z } from 'zod';
import { migrationId, type MigrationId } from '#core/ids';
import type { MigrationCommand } from '#core/migration/commands';
import type { Rng } from '#core/rng';
import type { Instant } from '#core/units';
import type { Spell } from '#simulator/faults/spell';
import { periodOf, timing, vmsText } from './fault-timing.ts';

const acts = ['pause', 'rescan', 'cancel', 'rollBack'] as const;

/** What people do in a rehearsal without being asked, and when. */
export const operatorActSchema = z
  .strictObject({
    act: z.enum(acts, { error: () => `must be ${acts.slice(0, -1).join(', ')} or ${acts.at(-1)}` }),
    vms: vmsText.meta({ description: 'With "on" and "all": the VM whose fact it was.' }),
    ...timing,
  })
  .meta({ description: 'An operator pauses (and resumes when the time is over), rescans, cancels or rolls back.' });

/** One act as a file says it. */
export type OperatorActText = z.output<typeof operatorActSchema>;

/** Sends what an operator asks for. Where it means nothing just then, nothing comes of it. */
export type AskFor = (migration: MigrationId, command: MigrationCommand) => void;

/** Acts as spells on somebody to ask. */
export const actSpells = (
  texts: readonly OperatorActText[],
  { vms, rng, start }: { readonly vms: readonly string[]; readonly rng: Rng; readonly start: Instant },
): readonly Spell<AskFor>[] =>
  texts.flatMap((text, i) => {
    const period = periodOf(text, rng.fork(`act ${i}`), start);
    return period ? [{ ...period, begin: (ask, vm) => begin(text, ask, concerned(text, vms, vm)) }] : [];
  });

function concerned(text: OperatorActText, vms: readonly string[], vm: string | undefined): readonly MigrationId[] {
  if (text.vms !== 'all') return text.vms.map(migrationId);
  return (vm === undefined ? vms : [vm]).map(migrationId);
}

function begin({ act }: OperatorActText, ask: AskFor, migrations: readonly MigrationId[]): () => void {
  const askAll = (command: MigrationCommand): void => {
    for (const migration of migrations) ask(migration, command);
  };
  const reason = 'an operator wants it so';
  if (act === 'pause') {
    askAll({ type: 'PauseReplication', data: { reason } });
    return () => askAll({ type: 'ResumeReplication', data: {} });
  }
  if (act === 'rescan') askAll({ type: 'RescanDisks', data: { reason } });
  if (act === 'cancel') askAll({ type: 'CancelMigration', data: { reason } });
  if (act === 'rollBack') askAll({ type: 'RollBack', data: { reason, acceptLossOfTargetWrites: true } });
  return () => undefined;
}
