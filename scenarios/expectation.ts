import { formatDuration, formatPlural } from '#core/text/format';
import type { Millis, Ratio } from '#core/units';
import { always, selects, type Expectation, type Selection } from './expectation-schema.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import { surprises, type MemberSummary, type RehearsalSummary } from './rehearsal-summary.ts';

/** What one rehearsal says of one expectation. */
export interface Judgement {
  readonly met: boolean;
  /** What was seen, for a person: `took 6 h 12 m`. */
  readonly observed: string;
}

/** An expectation that can be judged, over and over. */
export interface Judge {
  /** For a person, to be read after "expected": `the wave to be over within 8 h 00 m`. */
  readonly text: string;
  readonly probability: Ratio;
  judge(summary: RehearsalSummary): Judgement;
}

/** Judges for all that a scenario expects, in its order; what `members` say of single VMs is one more, at the end. */
export function judgesOf({ expect, members, wave }: RehearsalScenario): readonly Judge[] {
  const single = Object.values(members).filter(({ ends }) => ends !== undefined).length;
  return [
    ...expect.map((expectation) => judgeOf(expectation, wave.window.closes)),
    ...(single === 0 ? [] : [membersJudge(single)]),
  ];
}

function judgeOf(expectation: Expectation, closes: Millis): Judge {
  const { probability } = expectation;
  switch (expectation.type) {
    case 'finishWithin':
      return finishJudge(probability, expectation.within, `the wave to be over within ${duration(expectation.within)}`);
    case 'finishBeforeClose':
      return finishJudge(
        probability,
        closes,
        `the wave to be over before its window closes, after ${duration(closes)}`,
      );
    case 'downtimeMax': {
      const { max, vms, share } = expectation;
      return vmsJudge({
        ...{ vms, share, probability },
        text: `${whom(vms, share)} to be down at most ${duration(max)}`,
        fits: ({ downtime }) => downtime <= max,
        astray: longest,
      });
    }
    case 'ends': {
      const { at, vms, share } = expectation;
      return vmsJudge({
        ...{ vms, share, probability },
        text: `${whom(vms, share)} to end ${at.join(' or ')}`,
        fits: ({ lifecycle }) => at.includes(lifecycle),
        astray: mostOften,
      });
    }
    case 'moved': {
      const { vms, share } = expectation;
      return vmsJudge({
        ...{ vms, share, probability },
        text: `${whom(vms, share)} to move`,
        fits: ({ lifecycle }) => lifecycle === 'cutOver' || lifecycle === 'finalized',
        astray: mostOften,
      });
    }
  }
}

const duration = (of: Millis): string => formatDuration(of);

const finishJudge = (probability: Ratio, within: Millis, text: string): Judge => ({
  text,
  probability,
  judge: ({ wave, ending }) => ({
    // A rehearsal that was cut short is not over, however little time had passed.
    met: ending.type === 'finished' && wave.duration <= within,
    observed: `took ${duration(wave.duration)}`,
  }),
});

function membersJudge(count: number): Judge {
  return {
    text: `${formatPlural(count, 'VM')} to end where "members" says`,
    probability: always,
    judge: (summary) => {
      const others = surprises(summary);
      const named = others.slice(0, 3).map(({ migration, lifecycle }) => `${migration} ended ${lifecycle}`);
      const more = others.length > named.length ? [`${others.length - named.length} more elsewhere`] : [];
      const fitting = `${count - others.length} of ${count}`;
      return { met: others.length === 0, observed: [fitting, ...named, ...more].join('; ') };
    },
  };
}

interface VmsJudge {
  readonly vms: Selection;
  readonly share: Ratio;
  readonly probability: Ratio;
  readonly text: string;
  readonly fits: (member: MemberSummary) => boolean;
  /** Something to say of those that do not fit. There is at least one. */
  readonly astray: (members: readonly MemberSummary[]) => string;
}

function vmsJudge({ vms, share, probability, text, fits, astray }: VmsJudge): Judge {
  const selected = selects(vms);
  return {
    text,
    probability,
    judge: ({ members }) => {
      let count = 0;
      const others: MemberSummary[] = [];
      for (const member of members) {
        if (vms !== 'all' && !selected(member.migration)) continue;
        count += 1;
        if (!fits(member)) others.push(member);
      }
      const fitting = count - others.length;
      return {
        // In whole numbers: no rounding decides whether 490 of 500 are 98 %.
        met: fitting * share.denominator >= share.numerator * count,
        observed: `${fitting} of ${count}${others.length === 0 ? '' : `; ${astray(others)}`}`,
      };
    },
  };
}

function longest(members: readonly MemberSummary[]): string {
  const worst = members.reduce((a, b) => (b.downtime > a.downtime ? b : a));
  return `longest ${worst.migration} with ${duration(worst.downtime)}`;
}

function mostOften(members: readonly MemberSummary[]): string {
  const ends = new Map<string, { readonly one: string; count: number }>();
  for (const { lifecycle, migration } of members) {
    const known = ends.get(lifecycle);
    if (known) known.count += 1;
    else ends.set(lifecycle, { one: migration, count: 1 });
  }
  return [...ends]
    .sort(([, a], [, b]) => b.count - a.count)
    .slice(0, 3)
    .map(([lifecycle, { one, count }]) => `${count === 1 ? one : count} ended ${lifecycle}`)
    .join(', ');
}

// Whom it is about: `all VMs`, `98 % of db-*`.
function whom(vms: Selection, share: Ratio): string {
  const who = vms === 'all' ? 'all VMs' : vms.length > 4 ? `${vms.length} named VMs` : vms.join(', ');
  return share.numerator < share.denominator ? `${percentText(share)} of ${who}` : who;
}

/** A share as a scenario writes it: `98 %`. */
export const percentText = ({ numerator, denominator }: Ratio): string => `${(numerator * 100) / denominator} %`;
