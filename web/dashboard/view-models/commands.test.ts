import { afterEach, describe, expect, it } from 'vitest';
import { fleetFold, type MigrationView, type WaveView } from '#core/fleet/fleet-view';
import { commandTypes } from '#core/migration/commands';
import { waveCommandTypes } from '#core/wave/commands';
import { migrationCommandSchema, waveCommandSchema } from '#web/api/command-schema';
import { smallFleet, type SmallFleet } from '#test/support/small-fleet';
import {
  commandOf,
  grouped,
  migrationButtons,
  migrationSpecs,
  missingFields,
  waveButtons,
  waveSpecs,
  type CommandSpec,
  type FieldValues,
} from './commands.ts';

const filled = ({ fields }: CommandSpec): FieldValues =>
  Object.fromEntries(
    fields.map(({ name, type, choices }) => [
      name,
      type === 'consent' ? true : type === 'choice' ? (choices?.[0]?.value ?? '') : 'because',
    ]),
  );

describe('what a person fills in', () => {
  const specs = [...Object.entries(migrationSpecs), ...Object.entries(waveSpecs)];

  it('is there for every command but the drafts, which need a plan', () =>
    expect(specs.map(([type]) => type)).toEqual(
      [...commandTypes, ...waveCommandTypes].filter((type) => !type.startsWith('Draft')).toSorted(byOrderOf(specs)),
    ));

  it.each(specs)('for %s makes a command that the server takes', (type, spec) => {
    const command = commandOf(type, spec, filled(spec));
    const schema = type in migrationSpecs ? migrationCommandSchema : waveCommandSchema;
    expect(schema.safeParse(command)).toMatchObject({ success: true, data: command });
  });

  it.each(specs.filter(([, { fields }]) => fields.length > 0))('is asked for when it is missing: %s', (_, spec) => {
    const needed = spec.fields.filter(({ optional }) => !optional).map(({ name }) => name);
    expect(Object.keys(missingFields(spec, {}))).toEqual(needed);
    expect(missingFields(spec, filled(spec))).toEqual({});
  });

  it('is not a blank', () =>
    expect(missingFields(migrationSpecs.PauseReplication, { reason: '   ' })).toEqual({ reason: 'Fill this in.' }));
});

const byOrderOf =
  (specs: readonly (readonly [string, unknown])[]) =>
  (a: string, b: string): number =>
    specs.findIndex(([type]) => type === a) - specs.findIndex(([type]) => type === b);

describe('buttons', () => {
  let fleet: SmallFleet;
  afterEach(() => fleet.stop());
  const view = async (minutes: number): Promise<{ migration: MigrationView; wave: WaveView }> => {
    fleet = await smallFleet({ tempers: ['plain'] });
    await fleet.advance(minutes);
    const fold = fleetFold();
    for await (const fact of fleet.log.readAll()) fold.add(fact);
    const [migration] = fold.migrations.values();
    const [wave] = fold.waves.values();
    if (!migration || !wave) throw new Error('there is a migration and a wave');
    return { migration, wave };
  };

  it('are disabled with the reason rather than hidden', async () => {
    const buttons = migrationButtons((await view(30)).migration, null);
    expect(buttons).toHaveLength(commandTypes.length - 1);
    expect(buttons.find(({ type }) => type === 'PauseReplication')).toMatchObject({ possible: true, why: '' });
    const finalize = buttons.find(({ type }) => type === 'Finalize');
    expect(finalize?.possible).toBe(false);
    expect(finalize?.why).toContain('not possible in state protected');
  });

  it('are all disabled with one reason while the past is looked at', async () => {
    const { migration, wave } = await view(30);
    for (const button of [...migrationButtons(migration, 'the past'), ...waveButtons(wave, 'the past')])
      expect(button).toMatchObject({ possible: false, why: 'the past' });
  });

  it('to roll back ask for the loss to be accepted once the target may have been written to', async () => {
    const before = migrationButtons((await view(30)).migration, null).find(({ type }) => type === 'RollBack');
    expect(before?.spec.fields.map(({ type }) => type)).toEqual(['text']);
    await fleet.stop();
    const after = migrationButtons((await view(110)).migration, null).find(({ type }) => type === 'RollBack');
    expect(after).toMatchObject({ possible: true });
    expect(after?.spec.fields.map(({ type }) => type)).toEqual(['text', 'consent']);
  });

  it('stand in groups in the order of a migration’s life', async () => {
    const groups = grouped(migrationButtons((await view(1)).migration, null));
    expect(groups.map(([name]) => name)).toEqual(['Prepare', 'Replication', 'Test', 'Cutover', 'End']);
  });
});
