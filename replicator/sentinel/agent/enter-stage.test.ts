import { describe, expect, it } from 'vitest';
import { stagePath } from '#replicator/sentinel/stage/stage-file';
import { stageGuest } from '#replicator/sentinel/stage/stage-guest';
import { enterStage } from './enter-stage.ts';

const silent = (): void => undefined;

describe('a sentinel that begins', () => {
  it('is an ordinary one where fix-up left no word', async () => {
    const guest = stageGuest();
    expect(await enterStage(guest.system, guest.clock, silent)).toEqual({ ok: true, value: { stage: 'source' } });
    expect(guest.files.get('/dev/ttyS0')).toBe('');
  });

  it('finishes inside a replica, and says so on its console', async () => {
    for (const stage of ['test', 'target'] as const) {
      const guest = stageGuest();
      const checks = [{ id: 'booted', kind: 'booted' }];
      guest.files.set(stagePath, JSON.stringify({ stage, migration: 'm-1', checks }));
      expect(await enterStage(guest.system, guest.clock, silent)).toMatchObject({ ok: true, value: { stage } });
      expect(guest.files.get('/dev/ttyS0')).toContain('SEALIFT-REPORT {');
    }
  });

  it('does nothing where the word cannot be read', async () => {
    const guest = stageGuest();
    guest.files.set(stagePath, '{ "stage": "dance" }');
    expect(await enterStage(guest.system, guest.clock, silent)).toMatchObject({ ok: false });
  });
});
