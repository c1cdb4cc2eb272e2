import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { needs } from '#test/support/programs';
import { valueOf } from '#test/support/value-of';
import { qcow2Overlays } from './qcow2-overlays.ts';

const programs = needs('qemu-img', 'qemu-io');
const folder = mkdtempSync(join(tmpdir(), 'sealift-overlays-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!programs.available)(programs.title('overlays over a replica'), () => {
  it('take what is written, keep the replica as it is, and are dropped without a trace', async () => {
    const replica = join(folder, 'vda.raw');
    writeFileSync(replica, Buffer.alloc(1_048_576, 7));
    const overlays = qcow2Overlays();
    const { path, format } = valueOf(await overlays.make(replica));
    expect({ path, format }).toEqual({ path: overlays.of(replica), format: 'qcow2' });
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 9 0 64k', path]);
    // One more try begins from the replica.
    valueOf(await overlays.make(replica));
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'read -P 7 0 64k', path]);
    const copy = valueOf(await overlays.copy(replica));
    expect(readFileSync(copy.path).equals(readFileSync(replica))).toBe(true);
    // Whoever edited it died; the next copy is not taken for half-edited.
    writeFileSync(`${copy.path}.fixup-running`, '');
    valueOf(await overlays.dropCopy(replica));
    const trial = valueOf(await overlays.makeTrial(replica));
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'write -P 9 0 64k', trial.path]);
    writeFileSync(`${trial.path}.fixup-running`, '');
    valueOf(await overlays.makeTrial(replica));
    execFileSync('qemu-io', ['-f', 'qcow2', '-c', 'read -P 7 0 64k', trial.path]);
    mkdirSync(overlays.prepared(replica));
    expect(await overlays.preparedOf(replica)).toBeUndefined();
    await overlays.dropPrepared(replica);
    valueOf(await overlays.drop(replica));
    valueOf(await overlays.drop(replica));
    expect(readdirSync(folder)).toEqual(['vda.raw']);
    expect(readFileSync(replica).every((byte) => byte === 7)).toBe(true);
  });

  it('say so when a copy cannot be taken away, or a test would be called cleaned up with its disks left', async () => {
    const replica = join(folder, 'vda.raw');
    // A folder in its place is what no removal of a file takes away, whoever asks.
    mkdirSync(`${replica}.test`, { recursive: true });
    const dropped = await qcow2Overlays().dropCopy(replica);
    expect(dropped).toMatchObject({
      ok: false,
      error: expect.stringContaining('vda.raw.test could not be taken away'),
    });
  });
});
