import { z } from 'zod';
import type { MigrationFactType } from '#core/migration/facts';
import { factGroups } from '#core/migration/timeline';
import { sourcePlatforms } from '#core/migration/plan';
import { millis, type Millis } from '#core/units';
import { blockFaultNames, blockFaultOf } from '#simulator/block/fault-kinds';
import type { BlockFault, BlockSpec } from '#simulator/block/spec';
import { count, oneOf, text } from './estate-schema.ts';
import { aboutScenario, nameText } from './migration-scenario.ts';
import { nearestWord } from './nearest-word.ts';
import { durationText, positiveDurationText } from './quantity.ts';

/*
 * One world of the block world as a file: all that there is and all that goes wrong, with nothing left to draw but what
 * its seed decides. It is what a search saves of a world that failed, and what a person writes who has one in mind.
 */

const factTypes = Object.keys(factGroups) as [MigrationFactType, ...MigrationFactType[]];
const flag = z.boolean({ error: () => 'must be true or false' });

const disk = z.strictObject({
  id: nameText('the name of a disk'),
  grains: count(1, 65_536).default(16).meta({ description: 'Its size in grains of 64 KiB.' }),
  tracking: flag.default(true).meta({ description: 'false: every round compares.' }),
});

const vm = z.strictObject({
  name: nameText('the name of a VM'),
  hypervisor: oneOf(sourcePlatforms).default('kvm'),
  via: oneOf(['hypervisor', 'sentinel']).default('hypervisor').meta({ description: 'Who tracks and reads its disks.' }),
  guest: oneOf(['debian', 'windows', 'unbootable'])
    .default('debian')
    .meta({ description: 'unbootable: no fix-up makes it boot on the target.' }),
  disks: z
    .array(disk)
    .min(1, { error: () => 'must list at least one disk' })
    .prefault([{ id: 'disk-0' }]),
  writesPerMinute: count(0, 100_000).default(0),
  application: text('the name of an application').nullable().default(null),
  handOver: oneOf(['launch', 'replica']).default('launch'),
  testLaunch: flag.default(false),
});

const wave = z.strictObject({
  opens: durationText.meta({ description: 'After the start.' }),
  closes: positiveDurationText.meta({ description: 'After the start.' }),
  cutovers: count(1, 1_000).default(2).meta({ description: 'At a time.' }),
  syncs: count(1, 1_000).default(4).meta({ description: 'VMs that replicate at a time.' }),
  downtimeMax: positiveDurationText.prefault('2 min').meta({ description: 'The longest a final sync may take.' }),
  finalize: flag.default(false).meta({ description: 'Whether the way back is given up once it is over.' }),
});

const fault = z.strictObject({
  kind: z.enum(blockFaultNames as readonly [string, ...string[]], {
    error: () => 'must be a kind of fault such as linkCut',
  }),
  vm: text('the name of a VM').optional().meta({ description: 'Whom it hits, if it hits one VM.' }),
  at: durationText.optional().meta({ description: 'After the start.' }),
  on: z
    .strictObject({
      vm: text('the name of a VM'),
      fact: z.enum(factTypes, { error: () => 'must be the name of a fact of a migration, such as CutoverStarted' }),
      nth: count(1, 1_000_000).default(1).meta({ description: 'Which fact of this type.' }),
    })
    .optional()
    .meta({ description: 'Instead of "at": with a fact of a migration.' }),
  lasts: durationText.prefault('0 s').meta({ description: 'If it goes on for a while.' }),
});

const unchecked = z.strictObject({
  kind: z.literal('check'),
  ...aboutScenario,
  broke: z
    .string({ error: () => 'must be the law that was broken, such as L5, or notLive or crashed' })
    .regex(/^(L\d+|notLive|crashed)$/, {
      error: () => 'must be the law that was broken, such as L5, or notLive or crashed',
    })
    .optional()
    .meta({ description: 'What was wrong when it was saved. Nothing may be now.' }),
  found: z
    .strictObject({ seed: count(0, Number.MAX_SAFE_INTEGER), commit: text('a commit') })
    .optional()
    .meta({ description: 'The seed and the version of the code with which it was found.' }),
  demands: oneOf(['progress', 'safety'])
    .default('progress')
    .meta({ description: 'progress: all come to an end once the world has healed. safety: no law is broken.' }),
  seed: count(0, Number.MAX_SAFE_INTEGER).default(1),
  vms: z.array(vm).min(1, { error: () => 'must list at least one VM' }),
  wave,
  faults: z.array(fault).default([]),
  healAt: positiveDurationText.meta({ description: 'After the start: from then on nothing goes wrong any more.' }),
  liveWithin: positiveDurationText
    .prefault('12 h')
    .meta({ description: 'After that: within this, all have come to an end.' }),
});
type Unchecked = z.output<typeof unchecked>;

/** One world of the block world. */
export const checkScenarioSchema = unchecked
  .check(({ value, issues }) => {
    for (const { path, message } of [...nameProblems(value), ...timeProblems(value)])
      issues.push({ code: 'custom', path: [...path], message, input: value });
  })
  .transform(({ seed, vms, wave, faults, healAt, liveWithin, ...about }) => ({
    ...about,
    spec: specOf({ seed, vms, wave, faults, healAt, liveWithin }),
  }));

/** A world as a file says it. */
export type CheckScenario = z.output<typeof checkScenarioSchema>;
/** The same as it is written: quantities as text. */
export type CheckText = z.input<typeof checkScenarioSchema>;
/** What of it is the world. */
export type WorldText = Pick<CheckText, 'seed' | 'vms' | 'wave' | 'faults' | 'healAt' | 'liveWithin'>;

interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function nameProblems({ vms, faults }: Unchecked): readonly Problem[] {
  const names = vms.map(({ name }) => name);
  const unknown = (path: Problem['path'], name: string | undefined): readonly Problem[] => {
    if (name === undefined || names.includes(name)) return [];
    const meant = nearestWord(name, names);
    return [{ path, message: `must be the name of a VM${meant === undefined ? '' : `; did you mean ${meant}?`}` }];
  };
  return [
    ...names.flatMap((name, i) =>
      names.indexOf(name) < i ? [{ path: ['vms', i, 'name'], message: 'must not be the name of two VMs' }] : [],
    ),
    ...faults.flatMap(({ vm: hit, on }, i) => [
      ...unknown(['faults', i, 'vm'], hit),
      ...unknown(['faults', i, 'on', 'vm'], on?.vm),
    ]),
  ];
}

function timeProblems({ wave: { opens, closes }, faults }: Unchecked): readonly Problem[] {
  const late = closes <= opens ? [{ path: ['wave', 'closes'], message: 'must be after "opens"' }] : [];
  return [
    ...late,
    ...faults.flatMap(({ kind, vm: hit, at, on, lasts }, i): readonly Problem[] => {
      const known = blockFaultOf(kind as BlockFault['kind']);
      const path = ['faults', i];
      return [
        ...((at === undefined) === (on === undefined) ? [{ path, message: 'must have "at", or "on" instead' }] : []),
        ...(known.hits === 'vm' && hit === undefined ? [{ path, message: `must have "vm": whom ${kind} hits` }] : []),
        ...(known.hits === 'world' && hit !== undefined
          ? [{ path: [...path, 'vm'], message: `must be left out: ${kind} hits all` }]
          : []),
        ...(known.lasts === 'while' && lasts === 0
          ? [{ path, message: `must have "lasts": how long ${kind} goes on` }]
          : []),
        ...(known.lasts === 'moment' && lasts > 0
          ? [{ path: [...path, 'lasts'], message: `must be left out: ${kind} is over at once` }]
          : []),
      ];
    }),
  ];
}

function specOf(world: Pick<Unchecked, 'seed' | 'vms' | 'wave' | 'faults' | 'healAt' | 'liveWithin'>): BlockSpec {
  const { opens, closes, cutovers, syncs, downtimeMax, finalize } = world.wave;
  return {
    ...world,
    wave: {
      windowStart: opens,
      windowEnd: closes,
      cutoversMax: cutovers,
      syncsMax: syncs,
      downtimeBudget: downtimeMax,
      finalize,
    },
    faults: world.faults.map(({ kind, vm: hit, at, on, lasts }) => ({
      kind: kind as BlockFault['kind'],
      at: on ? { type: 'fact', ...on } : { type: 'time', ms: at ?? millis(0) },
      vm: hit ?? null,
      lasts,
    })),
  };
}

/** The world as a file has it: what is as if it were left out is left out. */
export function worldText({ seed, vms, wave: of, faults, healAt, liveWithin }: BlockSpec): WorldText {
  return {
    seed,
    vms: vms.map(({ name, hypervisor, via, guest, disks, writesPerMinute, application, handOver, testLaunch }) => ({
      ...{ name, hypervisor, via, guest },
      disks: disks.map(({ id, grains, tracking }) => ({ id, grains, ...(!tracking && { tracking }) })),
      ...(writesPerMinute > 0 && { writesPerMinute }),
      ...(application !== null && { application }),
      ...(handOver !== 'launch' && { handOver }),
      ...(testLaunch && { testLaunch }),
    })),
    wave: {
      opens: exactDuration(of.windowStart),
      closes: exactDuration(of.windowEnd),
      cutovers: of.cutoversMax,
      syncs: of.syncsMax,
      downtimeMax: exactDuration(of.downtimeBudget),
      finalize: of.finalize,
    },
    faults: faults.map(({ kind, vm: hit, at, lasts }) => ({
      kind,
      ...(hit !== null && { vm: hit }),
      ...(at.type === 'time'
        ? { at: exactDuration(at.ms) }
        : { on: { vm: at.vm, fact: at.fact as MigrationFactType, ...(at.nth > 1 && { nth: at.nth }) } }),
      ...(lasts > 0 && { lasts: exactDuration(lasts) }),
    })),
    healAt: exactDuration(healAt),
    liveWithin: exactDuration(liveWithin),
  };
}

const units = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** A duration in units that a file can have, to the millisecond: `1 h 30 min`, `12 s 345 ms`. */
export function exactDuration(duration: Millis): string {
  let rest: number = duration;
  const parts = units.flatMap(([unit, size]) => {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    return whole > 0 ? [`${whole} ${unit}`] : [];
  });
  return parts.length === 0 ? '0 s' : parts.join(' ');
}
