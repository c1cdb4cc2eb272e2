import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { millis } from '#core/units';
import { qmpPeer, type QmpAnswer } from '#test/support/qmp-peer';
import { kvmMonitor, type Monitor } from './monitor.ts';

const nothing = z.object({});

describe('kvmMonitor', () => {
  let monitor: Monitor | undefined;
  afterEach(async () => await monitor?.close());
  const ask = (operation = 'pause') => monitor?.ask(operation, { command: 'stop' }, nothing);

  it('says which operation could not be reached, and connects again for the next', async () => {
    await using peer = await qmpPeer(() => ({ returns: {} }));
    monitor = kvmMonitor({ path: peer.path });
    expect(await ask()).toEqual({ ok: true, value: {} });
    peer.hangUp();
    const outcomes = [await ask(), await ask()].map((outcome) => (outcome?.ok ? 'done' : outcome?.error.type));
    expect(outcomes.at(-1)).toBe('done'); // The loss may be noticed before the next call or under it.
  });

  it('does not say that nothing happened when only the answer was lost', async () => {
    await using peer = await qmpPeer(() => undefined);
    monitor = kvmMonitor({ path: peer.path }, millis(50));
    expect(await ask()).toMatchObject({
      error: { type: 'Unreachable', operation: 'pause', detail: expect.stringContaining('its answer was lost') },
    });
    expect(peer.commands).toEqual(['stop']);
  });

  it('passes a refusal on in the words of QEMU', async () => {
    await using peer = await qmpPeer(() => ({ error: 'not now' }));
    monitor = kvmMonitor({ path: peer.path });
    expect(await ask('resume')).toEqual({
      ok: false,
      error: { type: 'Refused', operation: 'resume', detail: 'stop: not now' },
    });
  });

  it('does not believe an answer of another shape, nor the connection it came over', async () => {
    let answer: QmpAnswer = { returns: 'done' };
    await using peer = await qmpPeer(() => answer);
    monitor = kvmMonitor({ path: peer.path });
    expect(await ask()).toMatchObject({ error: { type: 'ProtocolViolation' } });
    answer = { returns: {} };
    expect(await ask()).toEqual({ ok: true, value: {} });
  });

  it('asks nothing of a QEMU that is too old, and says which is not', async () => {
    await using peer = await qmpPeer(() => ({ returns: {} }), { major: 5, minor: 1, micro: 9 });
    monitor = kvmMonitor({ path: peer.path });
    expect(await ask()).toMatchObject({
      error: { type: 'Refused', detail: 'QEMU 5.1.9 cannot export a disk in use; 5.2 or newer is needed' },
    });
    expect(peer.commands).toEqual([]);
  });

  it('does not come back after it was closed', async () => {
    await using peer = await qmpPeer(() => ({ returns: {} }));
    monitor = kvmMonitor({ path: peer.path });
    await ask();
    await monitor.close();
    expect(await ask()).toMatchObject({ error: { type: 'Unreachable' } });
  });
});
