import { describe, expect, it } from 'vitest';
import type { HypervisorError, SourceHypervisor } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import { instant, millis } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { sourceConnection } from './source-connection.ts';

const newClock = () => virtualClock({ start: instant(0), turn: () => new Promise((resolve) => setImmediate(resolve)) });
const closed = { close: async () => undefined } as SourceHypervisor;

describe('a call that changes something', () => {
  it('is answered before and after its signal is aborted, as long as whoever is asked is there', async () => {
    const clock = newClock();
    const source = sourceConnection(() => closed, clock);
    const stop = new AbortController();
    const answer = (): Promise<Result<void, HypervisorError>> =>
      clock.wait(millis(500), new AbortController().signal).then(() => ok(undefined));
    expect(await clock.run(source.ask(answer, stop.signal))).toEqual(ok(undefined));
    const late = source.ask(answer, stop.signal);
    stop.abort();
    expect(await clock.run(late)).toEqual(ok(undefined));
    expect(await clock.run(source.ask(answer, stop.signal))).toEqual(ok(undefined));
    expect(clock.now()).toBe(1_500);
  });

  it('is waited for but a moment once its signal is aborted, if whoever is asked is away', async () => {
    const clock = newClock();
    const source = sourceConnection(() => closed, clock);
    const stop = new AbortController();
    // As a gateway that waits for a sentinel which went with the same Ctrl-C.
    const away = (): Promise<Result<void, HypervisorError>> =>
      clock.wait(millis(60_000), new AbortController().signal).then(() => ok(undefined));
    const asked = source.ask(away, stop.signal);
    await clock.run(clock.wait(millis(1_000)));
    stop.abort();
    expect(await clock.run(asked)).toMatchObject({ ok: false, error: { type: 'Unreachable' } });
    expect(clock.now()).toBe(3_000);
  });

  it('is waited for as long as it takes without one', async () => {
    const clock = newClock();
    const source = sourceConnection(() => closed, clock);
    const asked = source.ask(() => clock.wait(millis(60_000)).then(() => ok(undefined)));
    expect(await clock.run(asked)).toEqual(ok(undefined));
    expect(clock.now()).toBe(60_000);
  });
});
