import { Document, isMap, visit } from 'yaml';
import { z } from 'zod';
import { sourcePlatforms } from '#core/migration/plan';
import type { Result } from '#core/result';
import type { Calibration, SpanFit, VmFit } from '#simulator/calibration/calibration';
import { durationText, rateText, shareText, sizeText } from './quantity.ts';
import { firstProblems, readYaml, type FileProblem } from './yaml-file.ts';

const text = (what: string) => z.string({ error: () => `must be ${what}` }).min(1, { error: () => `must be ${what}` });
const countError = { error: () => 'must be a whole number from 1 on' };
const samples = z.int(countError).min(1, countError).meta({ description: 'How many measurements stand behind it.' });
const fit = text('how it was found').meta({ description: 'How it was found; for whoever wants to judge it.' });

const span = z
  .strictObject({ from: durationText, median: durationText, to: durationText, samples, fit })
  .refine(({ from, to }) => from <= to, { error: () => 'must have a "from" that is not above its "to"' });
const steps = <K extends string>(...names: readonly K[]) =>
  z.strictObject(Object.fromEntries(names.map((name) => [name, span.optional()])) as { [key in K]: typeof spanOrNone });
const spanOrNone = span.optional();

const rate = z.strictObject({ median: rateText, from: rateText, to: rateText, samples, fit });
const platform = steps('initiate', 'fence').optional();
const guest = steps('quiesce', 'fixUp', 'launch').optional();
const vm = z.strictObject({
  used: sizeText.meta({ description: 'Allocated bytes.' }),
  writes: z
    .strictObject({
      rate: rateText,
      workingSet: z.strictObject({
        size: sizeText,
        type: z.enum(['fitted', 'seen'], { error: () => 'must be fitted or seen' }),
      }),
      samples,
      fit,
    })
    .optional(),
});

const calibrationSchema = z.strictObject({
  kind: z.literal('calibration', { error: () => 'must be calibration' }),
  runs: z.array(text('the name of a run')).min(1, { error: () => 'must list at least one run' }),
  migrations: z.int(countError).min(1, countError),
  rounds: z.strictObject({
    rate,
    overhead: span,
    zero: z.strictObject({ share: shareText, samples, fit }).optional(),
  }),
  platforms: z.strictObject(
    Object.fromEntries(sourcePlatforms.map((name) => [name, platform])) as {
      [key in (typeof sourcePlatforms)[number]]: typeof platform;
    },
  ),
  guests: z.strictObject({ linux: guest, windows: guest }),
  steps: steps('verify', 'connect', 'validate'),
  vms: z.record(z.string(), vm),
});

const calibrationJsonSchema = (): object => z.toJSONSchema(calibrationSchema, { io: 'input', target: 'draft-7' });

const calibrationKind = { schema: calibrationSchema, jsonSchema: calibrationJsonSchema, textMax: 10_000_000 };

/** Reads a calibration from its text, with all mistakes at once. `file` is for messages only: nothing is opened here. */
export function loadCalibration(content: string, file: string): Result<Calibration, readonly FileProblem[]> {
  const read = readYaml(content, file, calibrationKind);
  if (!read.ok) return { ok: false, error: firstProblems(read.error) };
  const { kind: _kind, ...calibration } = read.value.value;
  return { ok: true, value: calibration };
}

/** A calibration as the YAML that `loadCalibration` reads: each fit on a line of its own. */
export function calibrationText(calibration: Calibration): string {
  const document = new Document(inWords(calibration), { aliasDuplicateObjects: false });
  visit(document, {
    Map: (_key, node) => {
      if (node.has('fit') && !node.items.some(({ value }) => isMap(value) && value.has('fit'))) node.flow = true;
    },
  });
  document.commentBefore = [
    ' What real runs say about rates, overheads and durations, made by "sealift calibrate".',
    ' from and to are the tenth and the ninetieth percentile; a rate is that of one disk of a VM.',
  ].join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function inWords({ runs, migrations, rounds, platforms, guests, steps: others, vms }: Calibration): object {
  const { rate: speed, overhead, zero } = rounds;
  return {
    ...{ kind: 'calibration', runs, migrations },
    rounds: {
      rate: {
        ...{ median: rateInWords(speed.median), from: rateInWords(speed.from), to: rateInWords(speed.to) },
        ...{ samples: speed.samples, fit: speed.fit },
      },
      overhead: spanInWords(overhead),
      ...(zero && { zero: { ...zero, share: `${(100 * zero.share.numerator) / zero.share.denominator} %` } }),
    },
    platforms: mapped(platforms, (fits) => mapped(fits, spanInWords)),
    guests: mapped(guests, (fits) => mapped(fits, spanInWords)),
    steps: mapped(others, spanInWords),
    vms: mapped(vms, vmInWords),
  };
}

const mapped = <V extends object>(of: Readonly<Record<string, V | undefined>>, to: (value: V) => object): object =>
  Object.fromEntries(Object.entries(of).flatMap(([name, value]) => (value ? [[name, to(value)]] : [])));

const spanInWords = ({ from, median, to, samples: count, fit: how }: SpanFit): object => ({
  ...{ from: durationInWords(from), median: durationInWords(median), to: durationInWords(to) },
  ...{ samples: count, fit: how },
});

const vmInWords = ({ used, writes }: VmFit): object => ({
  used: sizeInWords(used),
  ...(writes && {
    writes: {
      ...writes,
      rate: rateInWords(writes.rate),
      workingSet: { ...writes.workingSet, size: sizeInWords(writes.workingSet.size) },
    },
  }),
});

// Each in a unit in which nothing is lost: what is read again is what was written.
const durationInWords = (ms: number): string => (ms < 10_000 ? `${ms} ms` : `${ms / 1_000} s`);
const sizeInWords = (size: number): string => (size > 0 && size % 1_024 === 0 ? `${size / 1_024} KiB` : `${size} B`);
function rateInWords(perSecond: number): string {
  if (perSecond >= 1e6) return `${perSecond / 1e6} MB/s`;
  return perSecond >= 1e3 ? `${perSecond / 1e3} kB/s` : `${perSecond} B/s`;
}
