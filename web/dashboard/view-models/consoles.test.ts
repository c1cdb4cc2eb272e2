import { describe, expect, it } from 'vitest';
import type { ConsoleNote } from '#core/migration/notes';
import { instant } from '#core/units';
import { toldConsole, toldStart } from '#test/support/told-migration';
import { charactersShown, consoleViews } from './consoles.ts';

const note = (text: string, more: Partial<ConsoleNote> = {}): ConsoleNote => ({
  ...{ at: instant(toldStart + 61_000), vm: 'web-01', stage: 'target', text, ...more },
});

describe('consoles', () => {
  it('come with the last captured first, each with its VM, stage and time', () => {
    const views = consoleViews([note('a', { stage: 'test', vm: 'web-01-test' }), note('b\nc\n')], toldStart);
    expect(views).toMatchObject([
      { vm: 'web-01', stage: 'target', offset: '+00:01:01', size: '2 lines', text: 'b\nc' },
      { vm: 'web-01-test', stage: 'clone of a test', size: '1 line', text: 'a' },
    ]);
    expect(new Set(views.map(({ key }) => key)).size).toBe(2);
  });

  it('hold no terminal sequence and no control character of a guest', () => {
    const [view] = consoleViews([note(toldConsole)], toldStart);
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    expect(view?.text).not.toMatch(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/);
    expect(view?.text).toContain('[  OK  ] Started <script>');
    expect(view?.text.startsWith('GNU GRUB')).toBe(true);
    expect(view?.text.split('\n').at(-1)).toBe('(initramfs)');
  });

  it('say that nothing was said', () => {
    expect(consoleViews([note('\u001B[2J\r\n')], toldStart)).toMatchObject([{ text: '', size: 'nothing' }]);
    expect(consoleViews([], toldStart)).toEqual([]);
  });

  it('are bounded: the end is kept, where a boot stops', () => {
    const [view] = consoleViews([note(`${'x\n'.repeat(charactersShown)}the end`)], toldStart);
    expect(view?.text.length).toBeLessThanOrEqual(charactersShown);
    expect(view?.text.endsWith('the end')).toBe(true);
    expect(view?.size).toContain('the end of it');
  });
});
