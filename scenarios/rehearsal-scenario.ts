import { z } from 'zod';
import { sourcePlatforms } from '#core/migration/plan';
import { profileNames } from '#simulator/estate/profiles';
import type { EstateFile } from './estate-file.ts';
import { estateReferences, namesOf, reference, type ReferenceProblem } from './estate-merge.ts';
import { cores, count, hostSchema, linkSchema, oneOf, text, vmSchema } from './estate-schema.ts';
import { endings, expectationSchema, unmatchedNames } from './expectation-schema.ts';
import { assumptionsSchema } from './assumptions-schema.ts';
import { timingProblem } from './fault-timing.ts';
import { faultProblem, faultReferences, faultSchema } from './fault-schema.ts';
import { operatorActSchema } from './operator-acts.ts';
import { aboutScenario, nameText } from './migration-scenario.ts';
import {
  durationText,
  momentText,
  positiveDurationText,
  rateText,
  shareText,
  sizeText,
  speedText,
} from './quantity.ts';
import { patternProblems, waveProblems } from './wave-problems.ts';
import { apartSchema, applicationsSchema, waveFrom, waveSchema, wavesSchema } from './wave-schema.ts';

const appliance = z
  .strictObject({
    bandwidth: rateText.prefault('1.6 Gbit/s').meta({ description: 'For all that passes.' }),
    flow: rateText.prefault('1 Gbit/s').meta({ description: 'For the stream of one VM.' }),
    cores,
  })
  .prefault({});

const estate = z.strictObject({
  file: text('the path of an estate file').optional().meta({
    description:
      'An estate file, from the folder of this file. What is listed here stands in for what has the same name there.',
  }),
  hosts: z.array(hostSchema).default([]),
  links: z
    .array(linkSchema)
    .min(1, { error: () => 'must list at least one link' })
    .prefault([{ name: 'wan', bandwidth: '1 Gbit/s' }])
    .meta({ description: 'If not given, those of the estate file.' }),
  gateway: appliance,
  receiver: appliance,
  datastores: z
    .array(
      z.strictObject({
        name: nameText('the name of a datastore'),
        write: rateText.meta({ description: 'What all replicas on it are written with.' }),
        capacity: sizeText,
      }),
    )
    .default([])
    .meta({ description: 'Where replicas are written. None: target storage is never the bottleneck, and never full.' }),
  vcenter: z
    .strictObject({ tasks: count(1, 10_000).meta({ description: 'Tasks that are worked on at a time.' }) })
    .optional()
    .meta({ description: 'The target platform; it does everything at once if not given.' }),
  vms: z.array(vmSchema).default([]),
  generate: z
    .strictObject({
      vms: count(1, 100_000),
      hosts: count(1, 10_000).optional(),
      profile: oneOf(profileNames)
        .default('mixed')
        .meta({ description: 'What kind of organisation it is: which roles and applications there are.' }),
      platforms: z
        .array(oneOf(sourcePlatforms))
        .min(1, { error: () => 'must name at least one platform' })
        .optional()
        .meta({ description: 'If not given, those of the profile.' }),
      diskSize: sizeText.optional().meta({ description: 'The mean; VMs differ. If not given, that of the profile.' }),
      writes: rateText.optional().meta({ description: 'The mean; VMs differ. If not given, that of the profile.' }),
    })
    .optional()
    .meta({ description: 'VMs made from the seed, beside those listed.' }),
});

const plan = {
  downtimeMax: positiveDurationText.prefault('2 min').meta({ description: 'The longest the final sync may take.' }),
  roundsMax: count(1, 1_000).default(10),
  refreshEvery: positiveDurationText.prefault('15 min'),
  approval: oneOf(['given', 'required', 'requiredByAnother']).default('required'),
  testLaunch: oneOf(['required', 'optional']).default('optional'),
  handOver: oneOf(['launch', 'replica']).default('launch'),
  quiesce: z
    .strictObject({
      timeout: positiveDurationText.prefault('5 min'),
      onRefusal: oneOf(['force', 'rollBack']).default('rollBack'),
    })
    .prefault({}),
  onValidationFailure: oneOf(['rollBack', 'ask']).default('rollBack'),
};
const planSchema = z.strictObject(plan);

const member = z.strictObject({
  after: z.array(text('the name of a VM')).optional().meta({ description: 'VMs that must have been cut over before.' }),
  downtimeMax: plan.downtimeMax.unwrap().optional(),
  roundsMax: plan.roundsMax.unwrap().optional(),
  refreshEvery: plan.refreshEvery.unwrap().optional(),
  approval: plan.approval.unwrap().optional(),
  testLaunch: plan.testLaunch.unwrap().optional(),
  handOver: plan.handOver.unwrap().optional(),
  quiesce: plan.quiesce.unwrap().optional(),
  onValidationFailure: plan.onValidationFailure.unwrap().optional(),
  priority: count(-1_000, 1_000)
    .optional()
    .meta({ description: 'The highest goes first among those that could go; 0 if left out.' }),
  expected: positiveDurationText.optional().meta({ description: 'How long its cutover is expected to take.' }),
  ends: oneOf(endings).optional().meta({ description: 'Where this VM is expected to end.' }),
});

const operators = z.strictObject({
  approve: z
    .strictObject({
      by: text('who approves').default('approver'),
      after: durationText.prefault('10 min').meta({ description: 'After the start of the wave.' }),
    })
    .optional(),
  judgeTest: z
    .strictObject({ after: durationText.prefault('10 min'), verdict: oneOf(['passed', 'failed']).default('passed') })
    .optional(),
  blocked: z
    .strictObject({
      after: durationText.prefault('30 min'),
      action: oneOf(['verifyAgain', 'cancel']).default('verifyAgain'),
    })
    .optional()
    .meta({ description: 'What becomes of a VM with a failed check.' }),
  undecided: z
    .strictObject({ after: durationText.prefault('10 min'), action: oneOf(['waive', 'rollBack']).default('rollBack') })
    .optional()
    .meta({ description: 'What becomes of a target that runs and did not pass.' }),
  undecidable: z
    .strictObject({ after: durationText.prefault('15 min'), action: oneOf(['done', 'notDone']).default('notDone') })
    .optional()
    .meta({ description: 'What is decided where the world cannot tell what it did.' }),
  finalize: z
    .strictObject({ after: durationText.prefault('1 h').meta({ description: 'After the wave has ended.' }) })
    .optional(),
  stalled: z
    .strictObject({ after: durationText.prefault('30 min'), action: oneOf(['resume', 'cancel']).default('resume') })
    .optional()
    .meta({ description: 'What becomes of replication that stalled and does not help itself.' }),
  failed: z
    .strictObject({ after: durationText.prefault('30 min') })
    .optional()
    .meta({ description: 'After how long rolling back is tried again where it failed.' }),
  late: z
    .strictObject({
      chance: shareText.prefault('20 %'),
      by: positiveDurationText.prefault('1 h').meta({ description: 'How much later than they should be.' }),
    })
    .optional()
    .meta({ description: 'People come late to some of what they are asked for.' }),
  acts: z.array(operatorActSchema).default([]).meta({ description: 'What people do without being asked.' }),
});

/** A wave rehearsed in a simulated world. */
const unchecked = z.strictObject({
  kind: z.literal('rehearsal'),
  ...aboutScenario,
  fidelity: z.literal('flow', { error: () => 'must be flow: bytes are counted, not moved' }).default('flow'),
  seed: z
    .int({ error: () => 'must be a whole number' })
    .min(0, { error: () => 'must not be negative' })
    .default(1),
  starts: momentText.prefault('2026-03-06T18:00:00Z').meta({ description: 'When it begins, in simulated time.' }),
  speed: speedText.prefault('60x').meta({ description: 'How fast it is shown.' }),
  estate,
  wave: waveSchema.optional().meta({ description: 'The only wave: all VMs. Or there are "waves".' }),
  waves: wavesSchema.optional().meta({ description: 'Several waves, in the order in which they choose their VMs.' }),
  applications: applicationsSchema.optional().meta({ description: 'What VMs are parts of, by name.' }),
  apart: apartSchema.optional().meta({ description: 'Groups of VMs of which no two cut over in one window, by name.' }),
  plan: planSchema.prefault({}).meta({ description: 'What holds for every VM.' }),
  members: z.record(z.string(), member).default({}).meta({ description: 'What holds for single VMs, by name.' }),
  operators: operators.prefault({}).meta({ description: 'People: what they do by themselves, and after how long.' }),
  faults: z.array(faultSchema).default([]),
  use: text('the path of a calibration file').optional().meta({
    description: 'A file made by `sealift calibrate`, from the folder of this file. "assumptions" holds above it.',
  }),
  assumptions: assumptionsSchema.prefault({}).meta({ description: 'What is assumed otherwise than by default.' }),
  expect: z.array(expectationSchema).default([]).meta({ description: 'What a rehearsal has to come to.' }),
});

/** Waves rehearsed in a simulated world. `wave` is the only one, or the first of `waves`, which are none if it is. */
export const rehearsalScenarioSchema = unchecked
  .check(({ value, issues }) => {
    const unread = issues.map(({ path }) => path ?? []);
    for (const { path, message } of waveProblems(value, unread))
      issues.push({ code: 'custom', path: [...path], message, input: value });
  })
  .transform(({ wave, waves = [], ...rest }, context) => {
    const made = waves.map((each) => waveFrom(rest.starts, each));
    const first = wave ? waveFrom(rest.starts, wave) : made[0];
    if (first) return { ...rest, wave: first, waves: made };
    context.issues.push({ code: 'custom', input: rest, message: 'must have "wave" or "waves"' });
    return z.NEVER;
  });

/** A rehearsal as a file says it, its quantities parsed and its defaults filled in. */
export type RehearsalScenario = z.output<typeof rehearsalScenarioSchema>;

/**
 * Names that lead nowhere, and numbers that do not fit each other, in a scenario and in the estate file it names. What
 * names may lead to is known once the estate is `whole`.
 */
export function referenceProblems(
  scenario: RehearsalScenario,
  whole: RehearsalScenario['estate'],
  listed: EstateFile | undefined,
): { readonly scenario: readonly ReferenceProblem[]; readonly estate: readonly ReferenceProblem[] } {
  const { estate, members, faults, expect } = scenario;
  const known = namesOf(whole);
  const problems: ReferenceProblem[] = [
    ...estateReferences(estate, known, ['estate']),
    ...patternProblems({ ...scenario, estate: whole }),
  ];
  const refer = (path: ReferenceProblem['path'], name: string, kind: string, names: readonly string[]): void => {
    const problem = reference(path, name, kind, names);
    if (problem) problems.push(problem);
  };
  // The names of generated VMs come from the seed; they are looked up when the estate is made.
  const referVm = (path: ReferenceProblem['path'], name: string): void => {
    if (known.vms) refer(path, name, 'VM', known.vms);
  };
  if (known.vms?.length === 0)
    problems.push({
      path: ['estate'],
      message: 'must have "vms", or "generate" to make some, or "file" that lists some',
    });
  for (const [name, { after = [] }] of Object.entries(members)) {
    referVm(['members', name], name);
    after.forEach((id, i) => referVm(['members', name, 'after', i], id));
  }
  problems.push(...faultProblems(faults), ...actProblems(scenario.operators.acts));
  for (const { path, name } of actNames(scenario.operators.acts)) referVm(path, name);
  faults.forEach((fault, i) => {
    for (const { path, kind, name } of faultReferences(fault)) {
      if (kind === 'VM') referVm(['faults', i, ...path], name);
      // The names of generated hosts are looked up with those of VMs.
      else if (kind !== 'host' || known.vms) refer(['faults', i, ...path], name, kind, known[`${kind}s`]);
    }
  });
  if (known.vms)
    for (const { at, word, meant } of unmatchedNames(expect, known.vms))
      problems.push({
        path: ['expect', at, 'vms'],
        message: `must fit a VM of the estate, and ${word} fits none${meant === undefined ? '' : `; did you mean ${meant}?`}`,
      });
  return { scenario: problems, estate: listed ? estateReferences(listed, known, []) : [] };
}

type Acts = RehearsalScenario['operators']['acts'];

const actProblems = (acts: Acts): readonly ReferenceProblem[] =>
  acts.flatMap((act, i) => {
    const message = timingProblem(act, 'one');
    return message === undefined ? [] : [{ path: ['operators', 'acts', i], message }];
  });

/** The VMs that people do something with, and where they are named. */
const actNames = (acts: Acts) =>
  acts.flatMap(({ vms, on }, i) => {
    const path = ['operators', 'acts', i] as const;
    const named = vms === 'all' ? [] : vms.map((name, at) => ({ path: [...path, 'vms', at], name }));
    return on && on.vm !== 'any' ? [...named, { path: [...path, 'on', 'vm'], name: on.vm }] : named;
  });

const faultProblems = (faults: RehearsalScenario['faults']): readonly ReferenceProblem[] =>
  faults.flatMap((fault, i) => {
    const message = faultProblem(fault);
    return message === undefined ? [] : [{ path: ['faults', i], message }];
  });
