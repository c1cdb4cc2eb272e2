import { connect } from 'node:net';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { ChangeMark, SourceHypervisor } from '#core/ports/source-hypervisor';
import { bytes, KiB, offset } from '#core/units';
import { sourceHypervisorContract } from '#test/contract/source-hypervisor.contract';
import { startKvmWorld, type KvmWorld } from '#test/support/kvm-world';
import { needs } from '#test/support/programs';
import { changed } from '#test/support/read-source';
import { valueOf } from '#test/support/value-of';

const programs = needs('qemu-system-x86_64');

describe.skipIf(!programs.available)(programs.title('KVM connector'), () => {
  sourceHypervisorContract('QEMU', startKvmWorld);
});

describe.skipIf(!programs.available)(programs.title('KVM connector and what else happens to a QEMU'), () => {
  const [vda, sdb] = [diskId('vda'), diskId('sdb')];
  let world: KvmWorld;
  let source: SourceHypervisor;
  beforeEach(async () => {
    world = await startKvmWorld('m');
    source = world.connect();
  });
  afterEach(async () => {
    await source.close();
    await world.dispose();
  });
  const mark = (number: number): ChangeMark => ({ owner: 'm', number });
  const ourBitmap = async (): Promise<string> => {
    const [name] = (await world.traces()).filter((trace) => trace.startsWith('sealift-m-'));
    return String(name);
  };
  const lost = { ok: false, error: { type: 'TrackingLost', disk: vda } };

  it('records in grains of 64 KiB and calls nothing else changed', async () => {
    valueOf(await source.beginMark(mark(0)));
    await world.write(vda, { at: 64 * KiB - 512, length: 1024, fill: 1 });
    await world.write(vda, { at: 1024 * KiB, length: 512, fill: 1 });
    expect(valueOf(await source.changes(mark(0)))[0]).toEqual({ disk: vda, dirty: 192 * KiB });
    valueOf(await source.advanceMark(mark(0), mark(1)));
    expect(await changed(source, vda, mark(0))).toEqual([
      { start: offset(0), length: bytes(128 * KiB) },
      { start: offset(1024 * KiB), length: bytes(64 * KiB) },
    ]);
  });

  it('counts no byte beyond the end of a disk that ends within a grain', async () => {
    valueOf(await source.beginMark(mark(0)));
    const size = world.disks[1]?.size ?? 0;
    for (let at = 0; at < size; at += 1024 * KiB)
      await world.write(sdb, { at, length: Math.min(1024 * KiB, size - at), fill: 1 });
    expect(valueOf(await source.changes(mark(0)))[1]).toEqual({ disk: sdb, dirty: size });
  });

  it('records what is zeroed, and what is zeroed by making a hole', async () => {
    await world.write(vda, { at: 0, length: 256 * KiB, fill: 1 });
    valueOf(await source.beginMark(mark(0)));
    const request = (what: string) => `qemu-io -d /machine/peripheral/vda/virtio-backend "${what}"`;
    await world.command('human-monitor-command', { 'command-line': request(`write -z 0 ${64 * KiB}`) });
    await world.command('human-monitor-command', { 'command-line': request(`write -zu ${128 * KiB} ${64 * KiB}`) });
    expect(valueOf(await source.changes(mark(0)))[0]?.dirty).toBe(128 * KiB);
  });

  it('says that a mark must be frozen before it is read', async () => {
    valueOf(await source.beginMark(mark(0)));
    expect(await source.openDisk(vda, mark(0))).toMatchObject({
      error: { type: 'Refused', detail: 'mark 0 still records; advance to the next one and read this one after' },
    });
  });

  it('does not trust a mark that somebody stopped', async () => {
    valueOf(await source.beginMark(mark(0)));
    await world.command('block-dirty-bitmap-disable', { node: vda, name: await ourBitmap() });
    expect(await source.advanceMark(mark(0), mark(1))).toMatchObject(lost);
  });

  it('does not trust a mark that somebody removed from one disk', async () => {
    valueOf(await source.beginMark(mark(0)));
    await world.command('block-dirty-bitmap-remove', { node: vda, name: `sealift-m-0-${8 * 1024 * KiB}-2` });
    expect(await source.changes(mark(0))).toMatchObject(lost);
    expect(await source.advanceMark(mark(0), mark(1))).toMatchObject(lost);
  });

  it('does not trust a mark below a snapshot that somebody made', async () => {
    valueOf(await source.beginMark(mark(0)));
    const overlay = { 'node-name': vda, 'snapshot-file': `${world.qmpSocket}.qcow2`, 'snapshot-node-name': 'overlay' };
    await world.command('blockdev-snapshot-sync', overlay);
    expect(await source.changes(mark(0))).toMatchObject(lost);
    valueOf(await source.release('m'));
    expect(await world.traces()).toEqual([]);
  });

  it('uses no NBD server that is not its own, and leaves it alone', async () => {
    const path = `${world.qmpSocket}.foreign`;
    await world.command('nbd-server-start', { addr: { type: 'unix', data: { path } } });
    await world.command('block-export-add', { type: 'nbd', id: 'theirs', 'node-name': vda });
    expect(await source.openDisk(vda)).toMatchObject({
      error: { type: 'Refused', detail: expect.stringContaining('nbd-server-stop') },
    });
    valueOf(await source.release('m'));
    expect(await world.traces()).toContain('theirs');
    expect(existsSync(path)).toBe(true);
  });

  it('stops its NBD server when it lets go', async () => {
    valueOf(await source.openDisk(vda));
    expect(existsSync(`${world.qmpSocket}.nbd`)).toBe(true);
    valueOf(await source.release('m'));
    expect(existsSync(`${world.qmpSocket}.nbd`)).toBe(false);
    expect(existsSync(`${world.qmpSocket}.nbd.closing`)).toBe(false);
    await world.command('nbd-server-start', {
      addr: { type: 'unix', data: { path: `${world.qmpSocket}.other` } },
    });
  });

  it('does not freeze the guest when a client of its NBD server never ends its handshake', async () => {
    valueOf(await source.openDisk(vda));
    const idle = connect(`${world.qmpSocket}.nbd`);
    await new Promise((resolve) => idle.once('data', resolve));
    valueOf(await source.release('m'));
    expect(await world.command('query-status')).toMatchObject({ running: true });
    idle.destroy();
    valueOf(await source.openDisk(vda)); // The server that could not be stopped is used again.
    valueOf(await source.release('m'));
    expect(existsSync(`${world.qmpSocket}.nbd`)).toBe(false);
  });

  it('finds its NBD server again after it died while stopping it', async () => {
    valueOf(await source.openDisk(vda));
    valueOf(await source.closeDisks());
    await rename(`${world.qmpSocket}.nbd`, `${world.qmpSocket}.nbd.closing`);
    valueOf(await source.openDisk(vda));
  });

  it('does not start a guest that it did not pause', async () => {
    await world.command('stop');
    await world.command('system_reset'); // QEMU now says that the guest is about to start for the first time.
    expect(await source.resume()).toMatchObject({ error: { type: 'Refused', operation: 'resume' } });
    expect(await world.command('query-status')).toMatchObject({ running: false });
  });
});
