import { describe, expect, it } from 'vitest';
import type { PlannedEdit } from '#core/migration/facts';
import type { FixUpNote } from '#core/migration/notes';
import { instant } from '#core/units';
import { toldEdits, toldStart } from '#test/support/told-migration';
import { editView, fixUpView, linesShown } from './edits.ts';

const edit = (change: string): PlannedEdit => ({
  ...{ id: 'a', what: 'what', why: 'why', path: '/etc/a', keeps: '', change },
});
const linesOf = (change: string) => {
  const view = editView(edit(change)).change;
  if (view.type !== 'difference') throw new Error('it is a command');
  return view.lines;
};

describe('an edit', () => {
  it('is a difference of signed lines', () => {
    const [first] = toldEdits.map(editView);
    expect(first?.change).toMatchObject({ type: 'difference', count: '+1 −1' });
    expect(linesOf(toldEdits[0]?.change ?? '').map(({ kind }) => kind)).toEqual([
      'file',
      'file',
      'place',
      'same',
      'removed',
      'added',
      'same',
    ]);
  });

  it('does not take changed lines that begin with dashes or pluses for names of files', () => {
    const change =
      '--- /etc/a\n+++ /etc/a\n@@ -1,2 +1,2 @@\n--- old\n+++ new\n\\ No newline at end of file\n... shortened';
    expect(
      linesOf(change)
        .map(({ kind, text }) => [kind, text])
        .slice(3),
    ).toEqual([
      ['removed', '--- old'],
      ['added', '+++ new'],
      ['note', '\\ No newline at end of file'],
      ['note', '... shortened'],
    ]);
  });

  it('begins as a sentence', () => expect(editView(edit('')).what).toBe('What'));

  it('may be a command', () =>
    expect(editView(toldEdits[3] ?? edit('')).change).toEqual({
      type: 'command',
      command: 'update-initramfs -u -k 6.1.0-25-amd64',
    }));

  it('shows no terminal sequence, and what reads as something else', () => {
    expect(linesOf('@@\n+a\u001B[31mb\r\n-\u202Eevil').map(({ text }) => text)).toEqual([
      '@@',
      '+ab␍',
      '-⟨U+202E⟩evil',
    ]);
  });

  it('is bounded, and says so', () => {
    const lines = linesOf(`@@\n${'+x\n'.repeat(5_000)}`);
    expect(lines).toHaveLength(linesShown + 1);
    expect(lines.at(-1)).toEqual({ kind: 'note', text: '... 4,602 more lines' });
    expect(linesOf('')).toEqual([]);
  });
});

describe('a fix-up', () => {
  const note = (more: Partial<FixUpNote>): FixUpNote => ({
    ...{ at: instant(toldStart + 90_000), step: 'fixUpReplica', edits: toldEdits, findings: [] },
    ...{ state: 'planned', reason: '', ...more },
  });
  it.each([
    [{}, 'Planned', 'for the replica, at +00:01:30', 'step'],
    [{ step: 'launchTest' }, 'Planned', 'for the clone of a test, at +00:01:30', 'step'],
    [{ state: 'done' }, 'Done and verified', 'on the replica, at +00:01:30', 'success'],
    [{ state: 'failed', reason: '/boot is full' }, 'Failed', '/boot is full', 'failure'],
    [{ state: 'givenUp' }, 'Given up', 'the cutover was rolled back at +00:01:30', 'note'],
    [{ state: 'givenUp', step: 'launchTest' }, 'Gone with its test', 'the clone was removed at +00:01:30', 'note'],
  ] as const)('%j is %s', (more, title, detail, severity) =>
    expect(fixUpView(note(more), toldStart)).toMatchObject({ title, detail, severity }),
  );

  it('says when no plan was told, which is not a plan without edits', () => {
    expect(fixUpView(note({ edits: null }), toldStart).edits).toBeNull();
    expect(fixUpView(note({ edits: [] }), toldStart).edits).toEqual([]);
  });
});
