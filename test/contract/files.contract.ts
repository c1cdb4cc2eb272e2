import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, KiB, offset } from '#core/units';
import { createFile, replaceFile, writeAll } from '#replicator/disk/durable-file';
import { openFileDevice } from '#replicator/disk/file-device';
import type { Files, OpenFile } from '#replicator/disk/files';
import { ownDisk } from '#replicator/disk/owner-lock';
import { pageFile } from '#replicator/disk/page-file';
import { pageLength } from '#replicator/pipeline/merkle';
import { targetPath } from '#replicator/receiver/target-name';
import { valueOf } from '#test/support/value-of';

/** Files to try, in an empty folder of theirs. */
export interface FilesWorld {
  readonly files: Files;
  readonly folder: string;
  /** Lets time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T>;
  dispose(): Promise<void>;
}

const text = (content: Uint8Array): string => Buffer.from(content).toString();
const bytesOf = (content: string): Uint8Array => Buffer.from(content);

function read(file: OpenFile, length: number, at: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  return new Promise((resolve, reject) =>
    file.read(into, 0, at, (cause, count) => (cause ? reject(cause) : resolve(into.subarray(0, count)))),
  );
}

/** What every implementation of `Files` promises while nothing goes wrong. */
export function filesContract(name: string, start: () => Promise<FilesWorld>): void {
  describe(`Files contract: ${name}`, () => {
    let world: FilesWorld;
    let files: Files;
    beforeEach(async () => {
      world = await start();
      ({ files } = world);
    });
    afterEach(() => world.dispose());
    const at = (path: string): string => `${world.folder}/${path}`;
    const within = (title: string, work: () => Promise<void>): void => it(title, () => world.run(work()));
    const refused = (work: Promise<unknown>, code: string): Promise<void> =>
      expect(work).rejects.toMatchObject({ code });
    const make = async (path: string, content: string): Promise<void> => {
      const file = await files.open(at(path), 'create');
      await writeAll(file, bytesOf(content), 0);
      await file.close();
    };

    describe('what is open', () => {
      within('reads what was written, up to the end, and holes as zeroes', async () => {
        const file = await files.open(at('disk'), 'create');
        await writeAll(file, bytesOf('hello'), 10);
        expect(text(await read(file, 100, 10))).toBe('hello');
        expect(await read(file, 10, 0)).toEqual(new Uint8Array(10));
        expect((await read(file, 10, 15)).length).toBe(0);
        expect((await files.stat(at('disk'))).size).toBe(15);
        await file.close();
      });

      within('writes parts one behind the other', async () => {
        const file = await files.open(at('disk'), 'create');
        const count = await new Promise((resolve) =>
          file.write(['ab', 'cde', 'f'].map(bytesOf), 3, (cause, written) => resolve(cause ?? written)),
        );
        expect(count).toBe(6);
        await file.close();
        expect(text(await files.readFile(at('disk')))).toBe('\0\0\0abcdef');
      });

      within('fills from where it is told', async () => {
        await make('disk', 'hello');
        const file = await files.open(at('disk'), 'read');
        const into = bytesOf('......');
        await new Promise((resolve) => file.read(into, 4, 1, resolve));
        expect(text(into)).toBe('....el');
        await file.close();
      });

      within('takes what was written as its own: what becomes of the buffer afterwards is no matter', async () => {
        const file = await files.open(at('disk'), 'create');
        const buffer = new Uint8Array(100 * KiB).fill(7);
        await writeAll(file, buffer, 0);
        buffer.fill(8);
        const seen = await read(file, 100 * KiB, 0);
        expect(seen.every((byte) => byte === 7)).toBe(true);
        seen.fill(9);
        expect((await read(file, 100 * KiB, 0)).every((byte) => byte === 7)).toBe(true);
        await file.close();
      });

      within('is cut, and grows by a hole of zeroes where something was', async () => {
        const file = await files.open(at('disk'), 'create');
        await writeAll(file, new Uint8Array(200 * KiB).fill(7), 0);
        await file.truncate(70_000);
        await file.truncate(150_000);
        const seen = await read(file, 200 * KiB, 0);
        expect(seen.length).toBe(150_000);
        expect(seen.subarray(0, 70_000).every((byte) => byte === 7)).toBe(true);
        expect(seen.subarray(70_000).every((byte) => byte === 0)).toBe(true);
        await file.close();
      });

      within('refuses what it was not opened for, and everything once it is closed', async () => {
        await make('disk', 'hello');
        const readOnly = await files.open(at('disk'), 'read');
        await refused(writeAll(readOnly, bytesOf('x'), 0), 'EBADF');
        await readOnly.close();
        const writeOnly = await files.open(at('disk'), 'replace');
        await refused(read(writeOnly, 1, 0), 'EBADF');
        await writeOnly.close();
        expect((await files.readFile(at('disk'))).length).toBe(0);
      });

      within('stays what it is when its name goes to another', async () => {
        await make('old', 'old');
        await make('new', 'new');
        const file = await files.open(at('old'), 'read');
        await files.rename(at('new'), at('old'));
        expect(text(await read(file, 3, 0))).toBe('old');
        expect(text(await files.readFile(at('old')))).toBe('new');
        await files.unlink(at('old'));
        expect(text(await read(file, 3, 0))).toBe('old');
        await file.close();
      });
    });

    describe('names', () => {
      within('are made once, opened only if they are there, and listed', async () => {
        await make('a', 'x');
        await refused(files.open(at('a'), 'create'), 'EEXIST');
        await refused(files.open(at('b'), 'read'), 'ENOENT');
        await refused(files.open(at('b'), 'update'), 'ENOENT');
        await refused(files.open(at('nowhere/b'), 'create'), 'ENOENT');
        await refused(files.open(at('a/b'), 'create'), 'ENOTDIR');
        expect(await files.readdir(world.folder)).toEqual(['a']);
        await files.unlink(at('a'));
        await refused(files.unlink(at('a')), 'ENOENT');
        await refused(files.stat(at('a')), 'ENOENT');
        await refused(files.readFile(at('a')), 'ENOENT');
        expect(await files.readdir(world.folder)).toEqual([]);
        await refused(files.readdir(at('a')), 'ENOENT');
      });

      within('of one file are as many as it was given', async () => {
        await make('a', 'x');
        await files.link(at('a'), at('b'));
        await refused(files.link(at('a'), at('b')), 'EEXIST');
        await refused(files.link(at('c'), at('d')), 'ENOENT');
        await files.unlink(at('a'));
        expect(text(await files.readFile(at('b')))).toBe('x');
        await files.rename(at('b'), at('c'));
        await refused(files.rename(at('b'), at('c')), 'ENOENT');
        expect(await files.readdir(world.folder)).toEqual(['c']);
      });

      within('tell what they are of', async () => {
        await make('a', 'x');
        await make('b', 'x');
        await files.link(at('a'), at('c'));
        const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((path) => files.stat(at(path))));
        expect(a).toMatchObject({ kind: 'file', size: 1 });
        expect(a?.identity).toBe(c?.identity);
        expect(a?.identity).not.toBe(b?.identity);
        expect((await files.lstat(at('a'))).identity).toBe(a?.identity);
        expect((await files.stat(world.folder)).kind).toBe('directory');
        expect(await files.realpath(at('a'))).toBe(`${await files.realpath(world.folder)}/a`);
        await refused(files.realpath(at('nowhere')), 'ENOENT');
      });

      within('of directories are made with those on the way, again and again', async () => {
        await files.mkdir(at('x/y'));
        await files.mkdir(at('x/y'));
        await make('x/y/a', 'x');
        expect(await files.readdir(at('x'))).toEqual(['y']);
        await refused(files.mkdir(at('x/y/a')), 'EEXIST');
        await files.syncDirectory(at('x'));
        await refused(files.syncDirectory(at('z')), 'ENOENT');
        await refused(files.readFile(at('x')), 'EISDIR');
        await refused(files.open(at('x'), 'update'), 'EISDIR');
      });

      within('say how much is no hole, as far as that is known', async () => {
        const file = await files.open(at('disk'), 'create');
        await file.truncate(10 * 1024 * KiB);
        expect((await files.stat(at('disk'))).allocated).toBeLessThan(1024 * KiB);
        await file.close();
      });
    });

    describe('a file whose calls return when they are done', () => {
      within('is made where there is none, and keeps what it has where there is', async () => {
        const file = files.openBlocking(at('pages'));
        expect(file.write(bytesOf('hello'), 1, 100)).toBe(4);
        const into = bytesOf('......');
        expect([file.read(into, 1, 100), text(into)]).toEqual([4, '.ello.']);
        file.datasync();
        file.close();
        const again = files.openBlocking(at('pages'));
        expect([again.read(into, 4, 102), text(into)]).toEqual([2, '.elllo']);
        again.truncate(101);
        expect([again.read(into, 0, 100), again.read(into, 0, 101)]).toEqual([1, 0]);
        again.close();
        expect(() => files.openBlocking(at('nowhere/pages'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
      });
    });

    describe('what stands on them', () => {
      within('a file that is replaced, and one that is made once', async () => {
        await replaceFile(at('a'), bytesOf('one'), files);
        await replaceFile(at('a'), bytesOf('two'), files);
        await createFile(at('b'), bytesOf('three'), { files });
        await refused(createFile(at('b'), bytesOf('four'), { files }), 'EEXIST');
        expect([...(await files.readdir(world.folder))].sort()).toEqual(['a', 'b']);
        expect(text(await files.readFile(at('a')))).toBe('two');
        expect(text(await files.readFile(at('b')))).toBe('three');
      });

      within('one owner of a disk at a time', async () => {
        const lock = valueOf(await ownDisk(at('disk'), files));
        const { pid } = files.processes;
        expect(await ownDisk(at('disk'), files)).toEqual({
          ok: false,
          error: { type: 'Busy', owner: `process ${pid}` },
        });
        await lock.release();
        await valueOf(await ownDisk(at('disk'), files)).release();
        expect(await files.readdir(world.folder)).toEqual([]);
      });

      within('the mark of an owner that is gone keeps nobody out', async () => {
        const { host, pid } = files.processes;
        expect(files.processes.startOf(pid)).toMatch(/^\d+$/);
        const gone = 4_194_305;
        expect(files.processes.startOf(gone)).toBeUndefined();
        await make(`disk.sealift-lock.${host.toLowerCase()}.${gone}.17.1`, '');
        await valueOf(await ownDisk(at('disk'), files)).release();
        expect(await files.readdir(world.folder)).toEqual([]);
      });

      within('a disk', async () => {
        await make('disk', '');
        const file = await files.open(at('disk'), 'update');
        await file.truncate(1024 * KiB);
        await file.close();
        const device = valueOf(await openFileDevice(at('disk'), { writable: true, files }));
        const pieces = Array.from({ length: 8 }, (_, index) => new Uint8Array(64 * KiB).fill(index + 1));
        const written = pieces.map((piece, index) => device.write(offset(index * 64 * KiB), piece));
        expect((await Promise.all(written)).every(({ ok }) => ok)).toBe(true);
        expect(await device.zero(offset(64 * KiB), bytes(64 * KiB))).toMatchObject({ ok: true });
        expect(await device.flush()).toMatchObject({ ok: true });
        expect(await device.dropFrom(offset(192 * KiB))).toMatchObject({ ok: true });
        const seen = new Uint8Array(1024 * KiB);
        expect(await device.read(offset(0), seen)).toMatchObject({ ok: true });
        expect(Array.from({ length: 5 }, (_, index) => seen[index * 64 * KiB])).toEqual([1, 0, 3, 0, 0]);
        await device.close();
      });

      within('pages of digests', async () => {
        const pages = valueOf(pageFile(at('pages'), files));
        const page = new Uint8Array(pageLength).fill(7);
        expect([pages.write(3, page).ok, pages.flush().ok]).toEqual([true, true]);
        const into = new Uint8Array(pageLength);
        expect([pages.read(3, into).ok, into[0], pages.read(2, into).ok, into[0]]).toEqual([true, 7, true, 0]);
        expect([pages.read(9, into.fill(1)).ok, into[0]]).toEqual([true, 0]);
        expect([pages.clear().ok, pages.read(3, into).ok, into[0]]).toEqual([true, true, 0]);
        pages.close();
      });

      within('a target below a directory', async () => {
        await files.mkdir(at('vm-7'));
        const root = await files.realpath(world.folder);
        expect(await targetPath(world.folder, 'vm-7/disk0.raw', files)).toEqual({
          ok: true,
          value: `${root}/vm-7/disk0.raw`,
        });
        expect(await targetPath(world.folder, 'vm-8/disk0.raw', files)).toMatchObject({
          ok: false,
          error: { type: 'TargetUnavailable' },
        });
      });
    });
  });
}
