import type { MigrationView, WaveView } from '#core/fleet/fleet-view';
import { targetMayHaveWrites } from '#core/migration/abilities';
import { describeRejection, type MigrationCommand, type MigrationCommandType } from '#core/migration/commands';
import { legalCommands } from '#core/migration/decide';
import { describeWaveRejection, type WaveCommand, type WaveCommandType } from '#core/wave/commands';
import { legalWaveCommands } from '#core/wave/decide';

/** What a person has to fill in before a command can be sent. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: 'text' | 'choice' | 'consent';
  readonly optional?: boolean;
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

/** A command as a button. */
export interface CommandSpec {
  readonly label: string;
  readonly group: string;
  /** What it does, in one sentence, asked before it is sent. Commands without are sent at once. */
  readonly confirm?: string;
  /** It interrupts, undoes or gives up something: it looks different. */
  readonly grave?: boolean;
  readonly fields: readonly Field[];
}

const why: Field = { name: 'reason', label: 'Why? It will stand in the log.', type: 'text' };
const by: Field = { name: 'by', label: 'Your name', type: 'text' };
const loss: Field = {
  name: 'acceptLossOfTargetWrites',
  label: 'What the target has written since it was connected may be lost. I accept that.',
  type: 'consent',
};

type Specs<T extends string> = { readonly [K in T]: CommandSpec };

/** Every migration command but the draft, which needs a plan. In the order of a migration's life. */
export const migrationSpecs: Specs<Exclude<MigrationCommandType, 'DraftMigration'>> = {
  VerifySource: { label: 'Verify source', group: 'Prepare', fields: [] },
  StartProtection: { label: 'Start protection', group: 'Prepare', fields: [] },
  PauseReplication: { label: 'Pause', group: 'Replication', fields: [why] },
  ResumeReplication: { label: 'Resume', group: 'Replication', fields: [] },
  RescanDisks: {
    label: 'Rescan',
    group: 'Replication',
    confirm: 'Every block of every disk is read and compared. That takes about as long as the full sync.',
    fields: [why],
  },
  LaunchTest: { label: 'Launch test', group: 'Test', fields: [] },
  JudgeTest: {
    label: 'Judge test',
    group: 'Test',
    fields: [
      {
        name: 'verdict',
        label: 'Verdict',
        type: 'choice',
        choices: [
          { value: 'passed', label: 'Passed' },
          { value: 'failed', label: 'Failed' },
        ],
      },
      { name: 'note', label: 'Note', type: 'text', optional: true },
    ],
  },
  ApproveCutover: { label: 'Approve cutover', group: 'Cutover', fields: [by] },
  StartCutover: {
    label: 'Start cutover',
    group: 'Cutover',
    confirm: 'The source is stopped as soon as the replica is close enough. Downtime begins then.',
    grave: true,
    fields: [],
  },
  RevokeCutover: { label: 'Revoke cutover', group: 'Cutover', fields: [why] },
  WaiveValidation: {
    label: 'Waive validation',
    group: 'Cutover',
    confirm: 'The target is taken as it is, although a check failed.',
    grave: true,
    fields: [by, why],
  },
  DecideOutcome: {
    label: 'Decide outcome',
    group: 'Cutover',
    confirm:
      'An answer was lost and the world cannot tell. Look at the systems first: what you say is taken as the truth.',
    grave: true,
    fields: [
      {
        name: 'outcome',
        label: 'What did you find?',
        type: 'choice',
        choices: [
          { value: 'done', label: 'It was done' },
          { value: 'notDone', label: 'It was not done' },
        ],
      },
      by,
    ],
  },
  RollBack: {
    label: 'Roll back',
    group: 'End',
    confirm: 'The target is stopped and disconnected, then the source is given back as it was found.',
    grave: true,
    fields: [why],
  },
  Finalize: {
    label: 'Finalize',
    group: 'End',
    confirm: 'The source is retired. After this there is no way back.',
    grave: true,
    fields: [],
  },
  CancelMigration: {
    label: 'Cancel',
    group: 'End',
    confirm: 'Replication ends for good and what is ours is taken off the source. The replica is kept.',
    grave: true,
    fields: [why],
  },
};

/** Every wave command but the draft. */
export const waveSpecs: Specs<Exclude<WaveCommandType, 'DraftWave'>> = {
  StartWave: { label: 'Start', group: 'Wave', fields: [] },
  ApproveWave: { label: 'Approve', group: 'Wave', fields: [by] },
  PauseWave: { label: 'Pause', group: 'Wave', fields: [why] },
  ResumeWave: { label: 'Resume', group: 'Wave', fields: [] },
  CancelWave: {
    label: 'Cancel',
    group: 'Wave',
    confirm: 'No further member is started. Cutovers that run are brought to an end.',
    grave: true,
    fields: [why],
  },
};

/** A command, whether it can be sent at this moment, and why not. */
export interface CommandButton {
  readonly type: string;
  readonly spec: CommandSpec;
  readonly possible: boolean;
  /** A sentence; empty when it is possible. */
  readonly why: string;
}

/**
 * The commands of a migration as buttons. `gate` says why nothing can be sent at all just now (the past is looked at, the
 * server is gone); it is null when commands are taken.
 */
export function migrationButtons({ state }: MigrationView, gate: string | null): readonly CommandButton[] {
  return legalCommands(state).flatMap((ability): CommandButton[] => {
    if (ability.command === 'DraftMigration') return [];
    const base = migrationSpecs[ability.command];
    const losesWrites = ability.command === 'RollBack' && targetMayHaveWrites(state);
    const spec = losesWrites ? { ...base, fields: [...base.fields, loss] } : base;
    return [buttonOf(ability.command, spec, gate, ability.possible ? null : describeRejection(ability.why))];
  });
}

/** The commands of a wave as buttons. */
export function waveButtons({ state }: WaveView, gate: string | null): readonly CommandButton[] {
  return legalWaveCommands(state).flatMap((ability): CommandButton[] => {
    if (ability.command === 'DraftWave') return [];
    const refusal = ability.possible ? null : describeWaveRejection(ability.why);
    return [buttonOf(ability.command, waveSpecs[ability.command], gate, refusal)];
  });
}

const buttonOf = (type: string, spec: CommandSpec, gate: string | null, refusal: string | null): CommandButton => ({
  type,
  spec,
  possible: gate === null && refusal === null,
  why: gate ?? refusal ?? '',
});

/** Buttons in groups, in the order in which the groups first appear. */
export function grouped(buttons: readonly CommandButton[]): readonly (readonly [string, readonly CommandButton[]])[] {
  const groups = new Map<string, CommandButton[]>();
  for (const button of buttons) groups.set(button.spec.group, [...(groups.get(button.spec.group) ?? []), button]);
  return [...groups];
}

/** What was filled in, by field name. */
export type FieldValues = Readonly<Record<string, string | boolean>>;

/** What is missing, by field name; empty when the command can be sent. */
export function missingFields({ fields }: CommandSpec, values: FieldValues): Readonly<Record<string, string>> {
  const missing: Record<string, string> = {};
  for (const { name, type, optional } of fields) {
    const value = values[name];
    if (type === 'consent' && value !== true) missing[name] = 'Say so by ticking the box.';
    if (type === 'choice' && (value === undefined || value === '')) missing[name] = 'Choose one.';
    if (type === 'text' && !optional && String(value ?? '').trim() === '') missing[name] = 'Fill this in.';
  }
  return missing;
}

/** The data of a command, from what was filled in. The server checks it again. */
export function commandOf(type: string, { fields }: CommandSpec, values: FieldValues): MigrationCommand | WaveCommand {
  const data: Record<string, string | boolean> = {};
  for (const { name, type: kind } of fields)
    data[name] = kind === 'consent' ? values[name] === true : String(values[name] ?? '').trim();
  if (type === 'RollBack') data['acceptLossOfTargetWrites'] ??= false;
  return { type, data } as unknown as MigrationCommand | WaveCommand;
}
