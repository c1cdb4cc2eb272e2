import { unreachable } from '#core/invariant';
import type { FactGroup, FactText, Severity } from '#core/text/fact-text';
import { formatDuration, formatPlural, formatTime } from '#core/text/format';
import type { MemberOutcome, WaveFact, WaveFactType } from './facts.ts';

/** Which group each fact of a wave belongs to. A fact added to the model does not compile until it has a row. */
export const waveFactGroups: { readonly [T in WaveFactType]: FactGroup } = {
  WaveDrafted: 'decision',
  WaveStarted: 'decision',
  WaveApproved: 'decision',
  WindowOpened: 'driver',
  WindowClosed: 'driver',
  MemberRolledBack: 'step',
  RetryCameDue: 'driver',
  LastStartPassed: 'driver',
  WavePaused: 'decision',
  WaveResumed: 'decision',
  WaveCancelled: 'decision',
  WaveCompleted: 'step',
};

const say = (severity: Severity, title: string, detail = ''): FactText => ({ title, detail, severity });

/** What a fact of a wave means, in one line for a person. */
export function describeWaveFact(fact: WaveFact): FactText {
  switch (fact.type) {
    case 'WaveDrafted': {
      const { name, members, window } = fact.data.plan;
      const length = formatDuration(window.closes - window.opens);
      return say(
        'step',
        'Wave drafted',
        `${name}: ${formatPlural(members.length, 'member')}, window of ${length} from ${formatTime(window.opens)}`,
      );
    }
    case 'WaveStarted':
      return say('step', 'Wave started', 'members are prepared within its limits');
    case 'WaveApproved':
      return say('success', 'Wave approved', `by ${fact.data.by}`);
    case 'WindowOpened':
      return say('step', 'Window opened', 'cutovers may start');
    case 'WindowClosed':
      return say('step', 'Window closed', 'no cutover is started any more');
    case 'MemberRolledBack':
      return say('warning', 'Rolled back, to be tried again', `${fact.data.migration}, after its back-off`);
    case 'RetryCameDue':
      return say('step', 'May be tried again', fact.data.migration);
    case 'LastStartPassed':
      return say('step', 'Last start passed', 'what would not end within the window is not begun any more');
    case 'WavePaused':
      return say('warning', 'Wave paused', fact.data.reason);
    case 'WaveResumed':
      return say('step', 'Wave resumed');
    case 'WaveCancelled':
      return say('warning', 'Wave cancelled', fact.data.reason);
    case 'WaveCompleted':
      return completed(fact.data.members);
    default:
      return unreachable(fact);
  }
}

function completed(members: readonly MemberOutcome[]): FactText {
  const counts = new Map<string, number>();
  for (const { lifecycle } of members) counts.set(lifecycle, (counts.get(lifecycle) ?? 0) + 1);
  const reasons = new Map<NonNullable<MemberOutcome['why']>, number>();
  for (const { why } of members) if (why) reasons.set(why, (reasons.get(why) ?? 0) + 1);
  const moved = members.every(({ lifecycle }) => lifecycle === 'cutOver' || lifecycle.startsWith('finaliz'));
  return say(
    moved ? 'success' : 'warning',
    'Wave completed',
    [
      ...[...counts].map(([lifecycle, count]) => `${count} ${lifecycle}`),
      ...[...reasons].map(([why, count]) => `${count} ${left[why]}`),
    ].join(', '),
  );
}

const left: Readonly<Record<NonNullable<MemberOutcome['why']>, string>> = {
  apart: 'left because another of their group had the window',
  late: 'left because they would not have ended within the window',
  triesSpent: 'rolled back as often as they may be tried',
  together: 'left because another of their application could not go',
};
