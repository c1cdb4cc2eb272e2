import { describe, expect, it } from 'vitest';
import { newsDesk } from './conduct.ts';

describe('news', () => {
  const arrived = async (waiting: Promise<void>): Promise<boolean> =>
    Promise.race([waiting.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

  it('that came between looking and waiting is not waited for', async () => {
    const desk = newsDesk();
    const { version } = desk;
    desk.announce();
    expect(await arrived(desk.after(version))).toBe(true);
  });

  it('that was there before looking is not news', async () => {
    const desk = newsDesk();
    desk.announce();
    const waiting = desk.after(desk.version);
    expect(await arrived(waiting)).toBe(false);
    desk.announce();
    expect(await arrived(waiting)).toBe(true);
  });
});
