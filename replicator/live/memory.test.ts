import { describe, expect, it } from 'vitest';
import type { ProposedFact } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { diskId, factId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, instant, millis, round } from '#core/units';
import { sampleReport } from '#test/support/migration-facts';
import { valueOf } from '#test/support/value-of';
import { memoryOf } from './memory.ts';

const metadata: ProposedFact['metadata'] = {
  time: instant(0),
  actor: 'world',
  correlationId: 'migration-a',
  schemaVersion: 2,
  model: { id: 'migration', version: '1' },
};
const reason = { type: 'T', detail: 'd' };
const blank = {
  ...{ losses: 0, found: 'unknown', fenceBegun: false, finalRound: null, lastRoundTook: null },
  ...{ progress: null, tested: false, guest: null },
};

describe('what the world remembers', () => {
  it('is what the log says by now, each fact counted once', async () => {
    const log = inMemoryEventLog();
    const append = async (...facts: readonly MigrationFact[]): Promise<void> => {
      for (const fact of facts)
        valueOf(await log.append('migration-a', [{ ...fact, id: factId(`f${(ids += 1)}`), metadata }], 'any'));
    };
    let ids = 0;
    const memory = memoryOf(log, 'migration-a');
    await append({ type: 'ProtectionStarted', data: {} });
    expect(await memory()).toEqual({ ...blank, firstFact: 'f1' });

    await append(
      { type: 'TrackingLost', data: { disk: diskId('vda'), detail: 'd' } },
      { type: 'CutoverStarted', data: {} },
      { type: 'SourceQuiesced', data: { method: 'm', found: 'paused' } },
      { type: 'FinalSyncCompleted', data: sampleReport({ round: round(4), kind: 'final' }) },
    );
    const both = await Promise.all([memory(), memory()]);
    const { duration } = sampleReport();
    expect(both[0]).toEqual({
      ...blank,
      firstFact: 'f1',
      losses: 1,
      found: 'paused',
      finalRound: 4,
      lastRoundTook: duration,
    });
    expect(both[1]).toEqual(both[0]);

    await append(
      { type: 'FinalSyncFailed', data: { reason, trackingLost: true } },
      { type: 'FinalSyncFailed', data: { reason, trackingLost: false } },
      { type: 'RescanRequested', data: { reason: 'r' } },
      // What an earlier cutover found says nothing about this one.
      { type: 'CutoverStarted', data: {} },
    );
    expect(await memory()).toMatchObject({ losses: 3, found: 'unknown' });

    // How long the replica was written to is not known of a round that was taken up half-way.
    await append({ type: 'RoundCompleted', data: sampleReport({ duration: millis(7) }) });
    expect(await memory()).toMatchObject({ lastRoundTook: 7 });
    await append({ type: 'RoundCompleted', data: sampleReport({ duration: millis(7), resumed: bytes(1) }) });
    expect(await memory()).toMatchObject({ lastRoundTook: null });
  });

  it('is nothing to guess at where there is no log', async () => {
    await expect(memoryOf(inMemoryEventLog(), 'migration-a')()).rejects.toThrow('no fact about');
  });
});
