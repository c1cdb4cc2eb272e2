import { z } from 'zod';
import { diskId, waveId } from '#core/ids';
import { sourcePlatforms } from '#core/migration/plan';
import { guestNames, type GuestName } from '#simulator/estate/guest';
import { writePatterns } from '#simulator/estate/write-model';
import { endings, expectationSchema, unmatchedNames } from './expectation-schema.ts';
import { faultSchema } from './fault-schema.ts';
import { aboutScenario, nameText } from './migration-scenario.ts';
import { nearestWord } from './nearest-word.ts';
import {
  durationText,
  momentText,
  positiveDurationText,
  rateText,
  shareText,
  sizeText,
  speedText,
} from './quantity.ts';

const oneOf = <T extends string>(words: readonly T[]) =>
  z.enum(words as readonly [T, ...T[]], { error: () => `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });
const text = (what: string) => z.string({ error: () => `must be ${what}` }).min(1, { error: () => `must be ${what}` });
const count = (min: number, max: number) => {
  const error = () => `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

const writes = z
  .strictObject({
    rate: rateText.prefault('512 KiB/s').meta({ description: 'The mean over a day.' }),
    pattern: oneOf(writePatterns).default('steady'),
    workingSet: sizeText.prefault('1 GiB').meta({ description: 'However long one waits, no more than this is dirty.' }),
  })
  .prefault({});

const vm = z.strictObject({
  name: nameText('the name of a VM'),
  host: nameText('the name of a host'),
  link: nameText('the name of a link').default('wan'),
  guest: oneOf(guestNames).default('debian-12' satisfies GuestName),
  disks: z
    .array(
      z.strictObject({
        id: nameText('the name of a disk').transform(diskId).optional(),
        size: sizeText,
        used: shareText.prefault('50 %').meta({ description: 'The part that is allocated.' }),
        tracked: z.boolean({ error: () => 'must be true or false' }).default(true),
      }),
    )
    .min(1, { error: () => 'must list at least one disk' }),
  writes,
});

const appliance = z
  .strictObject({
    bandwidth: rateText.prefault('1.6 Gbit/s').meta({ description: 'For all that passes.' }),
    flow: rateText.prefault('1 Gbit/s').meta({ description: 'For the stream of one VM.' }),
  })
  .prefault({});

const estate = z.strictObject({
  hosts: z
    .array(
      z.strictObject({
        name: nameText('the name of a host'),
        platform: oneOf(sourcePlatforms),
        read: rateText.prefault('253 MB/s').meta({ description: 'What can be read from all its VMs together.' }),
      }),
    )
    .default([]),
  links: z
    .array(
      z.strictObject({
        name: nameText('the name of a link'),
        bandwidth: rateText,
        latency: durationText.prefault('10 ms').meta({ description: 'One way.' }),
        loss: shareText.prefault('0 %'),
      }),
    )
    .min(1, { error: () => 'must list at least one link' })
    .prefault([{ name: 'wan', bandwidth: '1 Gbit/s' }]),
  gateway: appliance,
  receiver: appliance,
  vms: z.array(vm).default([]),
  generate: z
    .strictObject({
      vms: count(1, 100_000),
      hosts: count(1, 10_000).optional(),
      platforms: z
        .array(oneOf(sourcePlatforms))
        .min(1, { error: () => 'must name at least one platform' })
        .default([...sourcePlatforms]),
      diskSize: sizeText.prefault('100 GiB').meta({ description: 'The mean; VMs differ.' }),
      writes: rateText.prefault('512 KiB/s').meta({ description: 'The mean; VMs differ.' }),
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
  wave: z.strictObject({
    id: nameText('the name of the wave').transform(waveId),
    window: z
      .strictObject({ opens: durationText, closes: positiveDurationText })
      .meta({ description: 'When cutovers may be, from the start on.' }),
    limits: z
      .strictObject({ replicating: count(1, 100_000).default(8), cuttingOver: count(1, 100_000).default(4) })
      .prefault({}),
    onWindowClose: oneOf(['rollBack', 'finish']).default('rollBack'),
    requester: text('who asks for the wave').default('requester'),
  }),
  plan: planSchema.prefault({}).meta({ description: 'What holds for every VM.' }),
  members: z.record(z.string(), member).default({}).meta({ description: 'What holds for single VMs, by name.' }),
  operators: operators.prefault({}).meta({ description: 'People: what they do by themselves, and after how long.' }),
  faults: z.array(faultSchema).default([]),
  expect: z.array(expectationSchema).default([]).meta({ description: 'What a rehearsal has to come to.' }),
});

/** A wave rehearsed in a simulated world. */
export const rehearsalScenarioSchema = unchecked.check(({ value, issues }) => {
  for (const { path, message } of referenceProblems(value))
    issues.push({ code: 'custom', path: [...path], message, input: value });
});

/** A rehearsal as a file says it, its quantities parsed and its defaults filled in. */
export type RehearsalScenario = z.output<typeof unchecked>;

interface ReferenceProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Names that lead nowhere, and numbers that do not fit each other. */
function referenceProblems({
  estate: { vms, hosts, links, generate },
  wave,
  members,
  faults,
  expect,
}: RehearsalScenario): readonly ReferenceProblem[] {
  const problems: ReferenceProblem[] = [];
  const names = vms.map(({ name }) => name);
  const hostNames = hosts.map(({ name }) => name);
  const linkNames = links.map(({ name }) => name);
  const refer = (path: ReferenceProblem['path'], name: string, kind: string, known: readonly string[]): void => {
    if (known.includes(name)) return;
    const meant = nearestWord(name, known);
    problems.push({
      path,
      message: `must be the name of a ${kind}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    });
  };
  // The names of generated VMs come from the seed; they are looked up when the estate is made.
  const referVm = (path: ReferenceProblem['path'], name: string): void => {
    if (!generate) refer(path, name, 'VM', names);
  };
  if (vms.length === 0 && !generate)
    problems.push({ path: ['estate'], message: 'must have "vms", or "generate" to make some' });
  vms.forEach(({ name, host, link, disks }, i) => {
    if (names.indexOf(name) < i)
      problems.push({ path: ['estate', 'vms', i, 'name'], message: 'must not be used twice' });
    refer(['estate', 'vms', i, 'host'], host, 'host', hostNames);
    refer(['estate', 'vms', i, 'link'], link, 'link', linkNames);
    const ids = disks.map(({ id }, at) => id ?? `disk${at}`);
    if (new Set(ids).size < ids.length)
      problems.push({ path: ['estate', 'vms', i, 'disks'], message: 'must have different ids' });
  });
  for (const [name, { after = [] }] of Object.entries(members)) {
    referVm(['members', name], name);
    after.forEach((id, i) => referVm(['members', name, 'after', i], id));
  }
  faults.forEach((fault, i) => {
    if (fault.type === 'linkDown') refer(['faults', i, 'link'], fault.link, 'link', linkNames);
    else if (fault.vms !== 'all') fault.vms.forEach((name, at) => referVm(['faults', i, 'vms', at], name));
  });
  if (!generate)
    for (const { at, word, meant } of unmatchedNames(expect, names))
      problems.push({
        path: ['expect', at, 'vms'],
        message: `must fit a VM of the estate, and ${word} fits none${meant === undefined ? '' : `; did you mean ${meant}?`}`,
      });
  if (wave.window.closes <= wave.window.opens)
    problems.push({ path: ['wave', 'window', 'closes'], message: 'must be later than "opens"' });
  return problems;
}
