import type { PlannedEdit } from '#core/migration/facts';
import type { FixUpNote } from '#core/migration/notes';
import { formatOffset, formatPlural } from '#core/text/format';
import { plainLine, plainText } from '#core/text/plain-text';
import type { Instant } from '#core/units';

/** One edit, ready to be read. */
export interface EditView {
  readonly id: string;
  readonly what: string;
  readonly why: string;
  readonly path: string;
  /** Where the original is kept in the guest; empty if there was none. */
  readonly keeps: string;
  readonly change:
    | { readonly type: 'command'; readonly command: string }
    | {
        readonly type: 'difference';
        readonly lines: readonly DiffLine[];
        /** `+3 −1`; what was cut off is not counted. */
        readonly count: string;
      };
}

/** One line of a difference. `text` begins with its sign. */
export interface DiffLine {
  readonly kind: 'file' | 'place' | 'added' | 'removed' | 'same' | 'note';
  readonly text: string;
}

/** The last fix-up, in words. */
export interface FixUpView {
  readonly title: string;
  readonly detail: string;
  readonly severity: 'step' | 'success' | 'failure' | 'note';
  /** Null if no plan was told. */
  readonly edits: readonly EditView[] | null;
}

/** Lines of one edit that are shown. The log has no more than a screen of each; one from elsewhere might. */
export const linesShown = 400;

const runs = 'run: ';

/** An edit in the parts that are drawn. Text of guests comes out without terminal sequences. */
export function editView({ id, what, why, path, change, keeps }: PlannedEdit): EditView {
  return {
    id,
    what: sentence(plainLine(what)),
    why: plainLine(why),
    path: plainLine(path),
    keeps: plainLine(keeps),
    change: change.startsWith(runs)
      ? { type: 'command', command: plainText(change.slice(runs.length)) }
      : differenceOf(change),
  };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function differenceOf(change: string): EditView['change'] {
  const all = change === '' ? [] : change.split('\n');
  const hasFiles = all[0]?.startsWith('--- ') === true && all[1]?.startsWith('+++ ') === true;
  const shown = all.slice(0, linesShown).map((text, n) => diffLine(text, hasFiles && n < 2));
  const count = (kind: DiffLine['kind']): number => shown.filter((line) => line.kind === kind).length;
  const left = all.length - shown.length;
  return {
    type: 'difference',
    lines: left > 0 ? [...shown, { kind: 'note', text: `... ${formatPlural(left, 'more line')}` }] : shown,
    count: `+${count('added')} \u2212${count('removed')}`,
  };
}

const kinds: Readonly<Record<string, DiffLine['kind']>> = { '+': 'added', '-': 'removed', ' ': 'same', '@': 'place' };

// Names of files stand in the first two lines only: a line that was removed and began with two dashes looks like one.
const diffLine = (line: string, isFile: boolean): DiffLine => ({
  kind: isFile ? 'file' : (kinds[line.charAt(0)] ?? 'note'),
  text: plainLineOf(line),
});

// A carriage return is a change worth seeing in a file, and no end of a line.
const plainLineOf = (line: string): string => plainText(line.replaceAll('\r', '\u240D')).replaceAll('\n', ' ');

const isTest = ({ step }: FixUpNote): boolean => step === 'launchTest';

/** The last fix-up in words, with offsets from `start`. */
export function fixUpView(note: FixUpNote, start: Instant): FixUpView {
  const { at, edits, state, reason } = note;
  const when = formatOffset(start, at);
  const of = isTest(note) ? 'the clone of a test' : 'the replica';
  const words: Readonly<Record<FixUpNote['state'], Omit<FixUpView, 'edits'>>> = {
    planned: { title: 'Planned', detail: `for ${of}, at ${when}`, severity: 'step' },
    done: { title: 'Done and verified', detail: `on ${of}, at ${when}`, severity: 'success' },
    failed: { title: 'Failed', detail: plainText(reason), severity: 'failure' },
    givenUp: isTest(note)
      ? { title: 'Gone with its test', detail: `the clone was removed at ${when}`, severity: 'note' }
      : { title: 'Given up', detail: `the cutover was rolled back at ${when}`, severity: 'note' },
  };
  return { ...words[state], edits: edits?.map(editView) ?? null };
}
