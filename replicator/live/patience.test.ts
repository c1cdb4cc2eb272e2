import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { err, ok, type Result } from '#core/result';
import { instant, millis, seconds } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { lostAnswers, persist, whileWanted } from './patience.ts';

const newClock = () => virtualClock({ start: instant(0), turn: () => new Promise((resolve) => setImmediate(resolve)) });
const never = new AbortController().signal;

describe('persist', () => {
  const tries = async (answers: readonly Result<string, string>[], within = seconds(60), signal = never) => {
    const clock = newClock();
    const at: number[] = [];
    const attempt = (): Promise<Result<string, string>> => {
      at.push(clock.now());
      return Promise.resolve(answers[at.length - 1] ?? err('gone'));
    };
    const mayHelp = (error: string): boolean => error !== 'no';
    const result = await clock.run(persist({ clock, within, mayHelp, signal }, attempt));
    return { at, result };
  };

  it('tries again, each time a little later, until it works', async () => {
    const { at, result } = await tries([err('gone'), err('gone'), err('gone'), ok('there')]);
    expect(result).toEqual(ok('there'));
    expect(at).toEqual([0, 200, 600, 1_400]);
  });
  it('says before each pause why, and when which attempt comes', async () => {
    const clock = newClock();
    const said: unknown[] = [];
    const answers = [err('gone'), err('gone'), ok('there')];
    const onAgain = (...words: unknown[]): void => void said.push(words);
    const patience = { clock, within: seconds(60), mayHelp: () => true, signal: never, onAgain };
    await clock.run(persist<string, string>(patience, async () => answers.shift() ?? ok('there')));
    expect(said).toEqual([
      ['gone', 2, 200],
      ['gone', 3, 600],
    ]);
  });
  it('gives up where trying again cannot help', async () => {
    expect(await tries([err('no')])).toEqual({ at: [0], result: err('no') });
  });
  it('begins no try after its time', async () => {
    const { at, result } = await tries([], millis(1_000));
    expect(result).toEqual(err('gone'));
    expect(at).toEqual([0, 200, 600]);
  });
  it('stops once nobody wants it', async () => {
    expect((await tries([], seconds(60), AbortSignal.abort())).at).toEqual([0]);
  });
});

describe('whileWanted', () => {
  it('is the answer, or what stands for it once nobody waits', async () => {
    expect(await whileWanted(never, Promise.resolve('answer'), 'none')).toBe('answer');
    const stop = new AbortController();
    const waiting = whileWanted(stop.signal, new Promise<string>(() => undefined), 'none');
    stop.abort();
    expect(await waiting).toBe('none');
    expect(await whileWanted(stop.signal, Promise.resolve('answer'), 'none')).toBe('none');
  });

  it('leaves nothing at a signal that outlives its questions', async () => {
    const { signal } = new AbortController();
    for (let question = 0; question < 3; question += 1) await whileWanted(signal, Promise.resolve('answer'), 'none');
    await whileWanted(signal, Promise.reject(new Error('gone')), 'none').catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('lostAnswers', () => {
  it('has a step tried again later after each answer that was lost, and no other', async () => {
    const clock = newClock();
    const lost = lostAnswers(clock);
    const at: number[] = [];
    const tries = async (): Promise<void> => {
      for (let count = 0; count < 7; count += 1) {
        await lost.pause('a', never);
        at.push(clock.now());
        lost.note('a');
      }
      await lost.pause('b', never);
    };
    await clock.run(tries());
    expect(at).toEqual([0, 1_000, 3_000, 7_000, 15_000, 31_000, 61_000]);
    expect(clock.now()).toBe(61_000);
  });
});
