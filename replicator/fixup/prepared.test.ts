import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Edit, FixUpPlan } from '#core/ports/fix-up';
import { describeImage } from '#replicator/fixup/describe-image';
import { readings } from '#test/support/guest-samples';
import { valueOf } from '#test/support/value-of';
import {
  changeSince,
  dropPrepared,
  editedPaths,
  inputsOf,
  isMade,
  preparedOf,
  readPrepared,
  writePrepared,
  type Prepared,
} from './prepared.ts';

const text = (path: string, after: string): Edit => ({ id: `x:${path}`, what: 'w', why: 'y', path, after });
const command = (...run: readonly string[]): Edit => ({
  ...{ id: 'initramfs:6.1', what: 'w', why: 'y' },
  ...{ path: '/boot/initrd.img-6.1', run },
});
const planOf = (...edits: readonly Edit[]): FixUpPlan => ({
  ...{ version: 1, guest: { family: 'debian', name: 'Debian', kernels: [] } },
  ...{ edits, findings: [] },
});
const image = describeImage(readings.debian);
const edits = [
  text('/etc/fstab', 'a\n'),
  text('/var/lib/sealift/stage.json', 'test'),
  command('update-initramfs', '-u'),
];
const plan = planOf(...edits);
const listing = new Map([
  ['/etc/fstab', 'f 644 0 0 1 1.0 1.0 '],
  ['/usr/bin/cpio', 'f 755 0 0 1 1.0 1.0 '],
]);
const then = { of: 'boot 1', inputs: inputsOf(plan, image), listing };
const since = (now: Partial<typeof then>): string | undefined =>
  changeSince(then, { ...then, ...now }, editedPaths(plan));
const inputs = (...changed: readonly Edit[]): Pick<Prepared, 'inputs'> => ({
  inputs: inputsOf(planOf(...changed), image),
});

describe('what goes into a file that a command makes', () => {
  it('is the same where nothing has changed', () => expect(since({})).toBeUndefined());

  it('is not what the sentinel is told, which differs between a test and a cutover', () =>
    expect(
      since(
        inputs(
          edits[0] ?? text('', ''),
          text('/var/lib/sealift/stage.json', 'target'),
          command('update-initramfs', '-u'),
        ),
      ),
    ).toBeUndefined());

  it('is the text of an edited file, and not its time', () => {
    const later = new Map([...listing, ['/etc/fstab', 'f 644 0 0 1 1.0 999.0 ']]);
    expect(since({ listing: later })).toBeUndefined();
    expect(since(inputs(text('/etc/fstab', 'b\n'), command('update-initramfs', '-u')))).toBe('/etc/fstab has changed');
  });

  it('is any other file, by its time of change', () => {
    expect(since({ listing: new Map([...listing, ['/usr/bin/cpio', 'f 755 0 0 1 1.0 1.1 ']]) })).toBe(
      '/usr/bin/cpio has changed',
    );
    expect(since({ listing: new Map([...listing, ['/etc/new', 'f 644 0 0 1 1.0 1.0 ']]) })).toBe(
      '/etc/new has changed',
    );
  });

  it('is an edit that there was not', () =>
    expect(since(inputs(...edits, text('/etc/modprobe.d/x.conf', 'x')))).toBe('/etc/modprobe.d/x.conf has changed'));

  it('is the command itself', () =>
    expect(since(inputs(text('/etc/fstab', 'a\n'), command('update-initramfs', '-c')))).toContain('commands'));

  it('is what is on the disks', () => {
    const [first, ...others] = image.devices;
    if (first === undefined) throw new Error('the sample has devices');
    const other = { ...image, devices: [{ ...first, uuid: 'another' }, ...others] };
    expect(since({ inputs: inputsOf(plan, other) })).toContain('disks');
  });

  it('is asked about for what makes a file, and not for copies and labels', () =>
    expect([...edits, { ...command('cp', 'a', 'b'), id: 'uefi:x' }].map(isMade)).toEqual([false, false, true, false]));
});

describe('what was prepared', () => {
  let root = '';
  let folder = '';
  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'sealift-prepared-'));
    folder = join(root, 'vda.raw.fixup-prepared');
    const local = join(root, 'made');
    writeFileSync(local, 'an initramfs');
    const files = [{ local, path: '/boot/initrd.img-6.1', mode: 0o600, owner: 0, group: 4 }];
    await writePrepared(folder, { ...then, files });
    rmSync(local);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is read as it was written', async () => {
    const read = valueOf(await readPrepared(folder));
    expect(await preparedOf(folder)).toBe('boot 1');
    expect(read).toMatchObject({ inputs: then.inputs, files: [{ mode: 0o600, owner: 0, group: 4 }] });
    expect([...(read?.listing ?? [])]).toEqual([...listing]);
    expect(readFileSync(read?.files[0]?.local ?? '', 'utf8')).toBe('an initramfs');
  });

  it('is nothing where there is no folder', async () => {
    expect(valueOf(await readPrepared(join(root, 'nowhere')))).toBeUndefined();
    expect(await preparedOf(join(root, 'nowhere'))).toBeUndefined();
  });

  it.each(['made-0', 'listing'])('is refused when %s is not what was written', async (name) => {
    appendFileSync(join(folder, name), 'x');
    expect(await readPrepared(folder)).toMatchObject({ ok: false });
  });

  it('is refused when a file of it is missing, or it is not what we write', async () => {
    rmSync(join(folder, 'made-0'));
    expect(await readPrepared(folder)).toMatchObject({ ok: false });
    writeFileSync(join(folder, 'manifest.json'), '{"version":2}');
    expect(await readPrepared(folder)).toMatchObject({ ok: false });
  });

  it('takes the place of what was prepared before, and is dropped without a trace', async () => {
    const local = join(root, 'other');
    writeFileSync(local, 'another');
    await writePrepared(folder, { ...then, files: [{ local, path: '/b', mode: 0o644, owner: 0, group: 0 }] });
    expect(valueOf(await readPrepared(folder))?.files.map(({ path }) => path)).toEqual(['/b']);
    rmSync(local);
    await dropPrepared(folder);
    await dropPrepared(folder);
    expect(existsSync(folder)).toBe(false);
    expect(readdirSync(root)).toEqual([]);
  });
});
