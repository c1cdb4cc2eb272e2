import type { ConsoleNote } from '#core/migration/notes';
import { formatOffset, formatPlural } from '#core/text/format';
import { plainLine, plainText } from '#core/text/plain-text';
import type { Instant } from '#core/units';

/** What one VM said, ready to be shown. */
export interface ConsoleView {
  /** Different for each capture. */
  readonly key: string;
  readonly vm: string;
  readonly stage: string;
  readonly offset: string;
  readonly size: string;
  /** Without terminal sequences. Empty if it said nothing. */
  readonly text: string;
}

/** Characters shown of one capture, of its end: where a boot failed. The log has no more; one from elsewhere might. */
export const charactersShown = 64 * 1_024;

const stages = { test: 'clone of a test', target: 'target' } as const satisfies Record<ConsoleNote['stage'], string>;

/** Captures, the last first. */
export const consoleViews = (notes: readonly ConsoleNote[], start: Instant): readonly ConsoleView[] =>
  notes.map((note, n) => consoleView(note, n, start)).toReversed();

function consoleView({ at, vm, stage, text }: ConsoleNote, n: number, start: Instant): ConsoleView {
  const shown = plainText(text.slice(-charactersShown)).trimEnd();
  const cut = text.length > charactersShown ? ', the end of it' : '';
  return {
    key: `${vm} ${at} ${n}`,
    vm: plainLine(vm),
    stage: stages[stage] ?? stage,
    offset: formatOffset(start, at),
    size: shown === '' ? 'nothing' : `${formatPlural(shown.split('\n').length, 'line')}${cut}`,
    text: shown,
  };
}
