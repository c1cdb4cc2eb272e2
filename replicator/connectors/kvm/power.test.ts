import { describe, expect, it } from 'vitest';
import { qmpPeer } from '#test/support/qmp-peer';
import { kvmHypervisor } from './kvm-hypervisor.ts';

const done = { ok: true, value: undefined };
const refused = { ok: false, error: { type: 'Refused' } };

/** A QEMU in `state`, which `stop` and `cont` change as given. */
async function qemuIn(state: string, changes: Readonly<Record<string, string>> = {}) {
  let current = state;
  const peer = await qmpPeer((command) => {
    if (command === 'query-status') return { returns: { status: current, running: current === 'running' } };
    current = changes[command] ?? current;
    return { returns: {} };
  });
  const source = kvmHypervisor({ qmp: { path: peer.path }, owner: 'm' });
  return {
    source,
    commands: peer.commands,
    async [Symbol.asyncDispose]() {
      await source.close();
      await peer[Symbol.asyncDispose]();
    },
  };
}

describe('pause', () => {
  it('stops a running guest and looks whether it stands', async () => {
    await using qemu = await qemuIn('running', { stop: 'paused' });
    expect(await qemu.source.pause()).toEqual(done);
    expect(qemu.commands).toEqual(['query-status', 'stop', 'query-status']);
  });

  it.each(['paused', 'shutdown', 'guest-panicked'])('is done already for a guest that is %s', async (state) => {
    await using qemu = await qemuIn(state);
    expect(await qemu.source.pause()).toEqual(done);
    expect(qemu.commands).toEqual(['query-status']);
  });

  it('does not call a sleeping guest stopped: it may wake', async () => {
    await using qemu = await qemuIn('suspended', {});
    expect(await qemu.source.pause()).toMatchObject(refused);
  });

  it('does not call a guest stopped whose last writes failed', async () => {
    await using qemu = await qemuIn('io-error');
    expect(await qemu.source.pause()).toMatchObject(refused);
    expect(qemu.commands).toEqual(['query-status']);
  });
});

describe('resume', () => {
  it('lets a paused guest go on and looks whether it does', async () => {
    await using qemu = await qemuIn('paused', { cont: 'running' });
    expect(await qemu.source.resume()).toEqual(done);
    expect(qemu.commands).toEqual(['query-status', 'cont', 'query-status']);
  });

  it('says so when the guest stops again at once', async () => {
    await using qemu = await qemuIn('paused', { cont: 'io-error' });
    expect(await qemu.source.resume()).toMatchObject(refused);
  });

  it.each(['shutdown', 'prelaunch', 'inmigrate', 'postmigrate', 'guest-panicked'])(
    'starts no guest that is %s',
    async (state) => {
      await using qemu = await qemuIn(state);
      expect(await qemu.source.resume()).toMatchObject(refused);
      expect(qemu.commands).toEqual(['query-status']);
    },
  );
});
