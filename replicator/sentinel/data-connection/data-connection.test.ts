import { randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { KiB, MiB, millis, offset } from '#core/units';
import { alignedMemory } from '#replicator/sentinel/disks/aligned-memory';
import { wallClock } from '#replicator/wall-clock';
import { dirtyAt, memoryGuest, type MemoryGuest } from '#test/support/memory-guest';
import { socketPair } from '#test/support/socket-pair';
import { valueOf } from '#test/support/value-of';
import { encodeFrame } from './data-frame.ts';
import { dataConnection, type DataConnection } from './remote-disk.ts';
import { serveDisks, type DiskService } from './serve-disks.ts';

const vda = diskId('vda');
const mark = (number: number) => ({ owner: 'm-1', number });

describe('a data connection', () => {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const work of undo.splice(0).reverse()) await work();
  });

  const sockets = async (): Promise<readonly [Socket, Socket]> => {
    const pair = await socketPair();
    undo.push(() => pair.forEach((socket) => socket.destroy()));
    return pair;
  };
  const memory = alignedMemory(4, MiB);
  const connected = async (
    size = 4 * MiB + 512,
    silence = { keepalive: millis(5_000), max: millis(20_000) },
  ): Promise<{ guest: MemoryGuest; service: DiskService; connection: DataConnection; near: Socket; far: Socket }> => {
    const [near, far] = await sockets();
    const guest = memoryGuest(vda, Buffer.alloc(size), memory);
    randomFillSync(guest.content, 0, Math.min(size, 8 * MiB));
    const service = serveDisks(near, guest, { clock: wallClock, silence });
    return { guest, service, connection: dataConnection(far, { clock: wallClock, silence }), near, far };
  };

  it('is a read-only disk with the content of the guest', async () => {
    const { guest, connection } = await connected();
    const disk = valueOf(await connection.openDisk(vda));
    expect(disk).toMatchObject({ size: guest.content.length, blockSize: 512, can: { write: false, extents: false } });
    guest.content.fill(0, MiB, 3 * MiB);
    const into = Buffer.alloc(guest.content.length, 7);
    valueOf(await disk.read(offset(0), into));
    expect(into.equals(guest.content)).toBe(true);
    const parts = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const part = Buffer.alloc(KiB);
        valueOf(await disk.read(offset(n * 16 * KiB), part));
        return part.equals(guest.content.subarray(n * 16 * KiB, n * 16 * KiB + KiB));
      }),
    );
    expect(parts).not.toContain(false);
    expect(memory.lent).toBe(0);
    expect(await disk.write(offset(0), Buffer.alloc(512))).toMatchObject({ error: { type: 'ReadOnly' } });
    expect(await disk.read(offset(guest.content.length), Buffer.alloc(512))).toMatchObject({
      error: { type: 'InvalidRange' },
    });
  });

  it('names what a mark recorded, however much it is', async () => {
    const { guest, connection } = await connected();
    const disk = valueOf(await connection.openDisk(vda));
    guest.marks.set(1, dirtyAt(4 * MiB, [0, 64 * KiB, MiB]));
    expect(await disk.dirtyExtents(mark(1), extent(0, 4 * MiB))).toEqual({
      ok: true,
      value: [extent(0, 128 * KiB), extent(MiB, 64 * KiB)],
    });
    expect(await disk.dirtyExtents(mark(2), extent(0, 4 * MiB))).toMatchObject({
      error: { type: 'TrackingLost', disk: 'vda' },
    });
  });

  it('names more extents than one answer has room for', async () => {
    const { guest, connection } = await connected(600 * MiB);
    const disk = valueOf(await connection.openDisk(vda));
    const starts = Array.from({ length: 4_700 }, (_, n) => n * 128 * KiB);
    guest.marks.set(1, dirtyAt(600 * MiB, starts));
    const dirty = valueOf(await disk.dirtyExtents(mark(1), extent(0, 600 * MiB)));
    expect(dirty.map(({ start }) => start)).toEqual(starts);
  });

  it('hands over errors of the disk as what they are, and goes on', async () => {
    const { guest, connection } = await connected();
    expect(await connection.openDisk(diskId('vdz'))).toEqual({
      ok: false,
      error: { type: 'DiskNotFound', disk: 'vdz' },
    });
    const disk = valueOf(await connection.openDisk(vda));
    guest.broken.add(MiB);
    const into = Buffer.alloc(2 * MiB);
    expect(await disk.read(offset(0), into)).toMatchObject({ error: { type: 'IoError', at: MiB } });
    valueOf(await disk.read(offset(0), into.subarray(0, MiB)));
    await disk.close();
    expect(await disk.read(offset(0), into)).toEqual({ ok: false, error: { type: 'Closed' } });
    expect((await connection.openDisk(vda)).ok).toBe(true);
  });

  it('that breaks fails all that is in flight, leaves its buffers alone, and gives the memory back', async () => {
    const { connection, service, near } = await connected();
    const disk = valueOf(await connection.openDisk(vda));
    const into = Array.from({ length: 40 }, () => Buffer.alloc(MiB));
    const reads = into.map((part) => disk.read(offset(0), part));
    near.destroy();
    const outcomes = await Promise.all(reads);
    expect(outcomes.some(({ ok: read }) => !read)).toBe(true);
    for (const outcome of outcomes) if (!outcome.ok) expect(outcome.error.type).toBe('ConnectionLost');
    const copies = into.map((part) => Buffer.from(part));
    expect((await service.ended).type).toBe('ConnectionLost');
    expect((await connection.ended).type).toBe('ConnectionLost');
    expect(await disk.read(offset(0), Buffer.alloc(512))).toMatchObject({ error: { type: 'ConnectionLost' } });
    expect(into.every((part, n) => part.equals(copies[n] ?? Buffer.alloc(0)))).toBe(true);
    while (service.open > 0) await new Promise(setImmediate);
    expect(memory.lent).toBe(0);
  });

  it('with a gateway that does not read keeps to its memory', async () => {
    const [near, far] = await sockets();
    const guest = memoryGuest(vda, randomFillSync(Buffer.alloc(4 * MiB)), memory);
    const service = serveDisks(near, guest, { clock: wallClock });
    far.pause();
    for (let id = 1; id <= 64; id += 1)
      far.write(encodeFrame({ type: 'read', id, disk: 'vda', start: 0, length: MiB }));
    // The system takes some of it. Then nothing moves, and what is lent stays lent.
    for (let was = -1; was !== service.open || memory.lent < 4;) {
      was = service.open;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(service.open).toBeGreaterThan(4);
    expect(memory.lent).toBe(4);
    service.close();
    while (service.open > 0) await new Promise(setImmediate);
    expect(memory.lent).toBe(0);
  });

  it('ends when a gateway asks more at a time than was agreed', async () => {
    const [near, far] = await sockets();
    const service = serveDisks(near, memoryGuest(vda, randomFillSync(Buffer.alloc(4 * MiB)), memory), {
      clock: wallClock,
    });
    far.pause();
    for (let id = 1; id <= 80; id += 1)
      far.write(encodeFrame({ type: 'read', id, disk: 'vda', start: 0, length: MiB }));
    expect(await service.ended).toMatchObject({
      type: 'ProtocolViolation',
      detail: expect.stringContaining('64 questions'),
    });
    while (service.open > 0) await new Promise(setImmediate);
  });

  it('stays while nothing is asked, and ends when the peer says nothing at all', async () => {
    const silence = { keepalive: millis(10), max: millis(80) };
    const { connection, service } = await connected(MiB, silence);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await connection.openDisk(vda)).ok).toBe(true);
    const [near] = await sockets();
    expect(await dataConnection(near, { clock: wallClock, silence }).ended).toMatchObject({
      type: 'ConnectionLost',
      detail: expect.stringContaining('silent'),
    });
    connection.close();
    expect(await connection.ended).toEqual({ type: 'Closed' });
    expect((await service.ended).type).toBe('ConnectionLost');
  });
});
