import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '#test/support/qemu-machine';
import { followHeartbeats, type HeartbeatMonitor } from './heartbeat.ts';

describe('followHeartbeats', () => {
  let folder: string;
  let path: string;
  let heartbeats: HeartbeatMonitor;
  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder, 'console.log');
    await writeFile(path, 'sealift-heartbeat 3 4096\r\nLinux says something\r\n');
    heartbeats = followHeartbeats(path);
  });
  afterEach(async () => {
    await heartbeats.end('the test is over');
    await rm(folder, { recursive: true });
  });

  it('sees what is there and what is appended', async () => {
    expect(await heartbeats.reached(3)).toEqual({ ok: true, value: 3 });
    const waiting = heartbeats.reached(5);
    await appendFile(path, 'sealift-heartbeat 4 8192\r\nsealift-heart');
    await appendFile(path, 'beat 5 12288\r\n');
    expect(await waiting).toEqual({ ok: true, value: 5 });
    expect(heartbeats.latest()).toBe(5);
  });

  it('does not take half a number for a heartbeat', async () => {
    await heartbeats.reached(3);
    await appendFile(path, 'sealift-heartbeat 12');
    const waiting = heartbeats.reached(100);
    await appendFile(path, '3 1\r\n');
    expect(await waiting).toEqual({ ok: true, value: 123 });
  });

  it('tells whoever waits that the guest ended or the caller gave up', async () => {
    const abort = new AbortController();
    const cancelled = heartbeats.reached(100, abort.signal);
    const waiting = heartbeats.reached(100);
    await heartbeats.reached(3);
    abort.abort();
    expect(await cancelled).toEqual({ ok: false, error: { type: 'Cancelled', heartbeat: 3 } });
    await heartbeats.end('QEMU ended');
    expect(await waiting).toEqual({ ok: false, error: { type: 'GuestEnded', detail: 'QEMU ended' } });
    expect(await heartbeats.reached(101)).toMatchObject({ error: { type: 'GuestEnded' } });
  });
});
