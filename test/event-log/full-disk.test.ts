import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import { describeLogFault, revision, type AppendError, type EventLog } from '#core/event-log/event-log';
import { openSqliteEventLog, type SqliteOptions } from '#core/event-log/sqlite';
import { KiB } from '#core/units';
import { mountRights, mountSmallDisk, type SmallDisk } from '#test/event-log/small-disk';
import { collect, notes, textOf } from '#test/event-log/notes';

const sizeKib = 1_024;
const rights = mountRights();

describe.skipIf(!rights.available)(rights.title('a log on a small disk'), () => {
  let disk: SmallDisk | undefined;
  beforeAll(() => {
    disk = mountSmallDisk(sizeKib);
  });
  afterAll(() => disk?.remove());
  const file = (name: string): string => join(disk?.folder ?? '', name);
  const open = async (path: string, mode: SqliteOptions['mode'] = 'create'): Promise<EventLog> => {
    const opened = await openSqliteEventLog({ path, mode });
    if (!opened.ok) throw new Error(describeLogFault(opened.error));
    return opened.value;
  };
  /** Leaves `free` bytes. */
  const fill = async (free: number): Promise<void> => {
    await rm(file('ballast'), { force: true });
    for (let size = sizeKib * KiB; ; size -= 4 * KiB) {
      const written = await writeFile(file('ballast'), Buffer.alloc(size)).then(
        () => true,
        () => false,
      );
      if (!written) continue;
      return writeFile(file('ballast'), Buffer.alloc(Math.max(0, size - free)));
    }
  };

  it('says that the disk is full, keeps what it acknowledged, and goes on when there is room', async () => {
    const path = file('full.db');
    const log = await open(path);
    const kept: string[] = [];
    const refusals: AppendError[] = [];
    const append = async (): Promise<boolean> => {
      const text = `${kept.length}`.padEnd(5 * KiB, '.');
      const answer = await log.append(
        'note-1',
        notes(text, text),
        kept.length === 0 ? 'none' : revision(kept.length - 1),
      );
      if (answer.ok) kept.push(text, text);
      else refusals.push(answer.error);
      return answer.ok;
    };
    for (let i = 0; i < 3; i += 1) expect(await append()).toBe(true);
    await fill(64 * KiB);
    while (await append());
    for (let i = 0; i < 5; i += 1) expect(await append()).toBe(false);
    expect((await collect(log.readAll())).map(textOf)).toEqual(kept);

    await rm(file('ballast'));
    expect(await append()).toBe(true);
    await fill(0);
    while (await append());
    expect(refusals.length).toBeGreaterThan(6);
    for (const refusal of refusals) expect(refusal).toMatchObject({ type: 'LogFull', where: path });
    await log.close();
    await rm(file('ballast'));

    const again = await open(path, 'existing');
    expect((await collect(again.readAll())).map(textOf)).toEqual(kept);
    expect(await verifyChain(again.readAll())).toMatchObject({ ok: true });
    await again.close();
    await rm(path);
  });

  it('is not made where there is no room, and leaves nothing behind', async () => {
    await fill(0);
    const opened = await openSqliteEventLog({ path: file('new.db'), mode: 'create' });
    expect(opened).toMatchObject({ ok: false, error: { type: 'LogUnreachable', where: file('new.db') } });
    await rm(file('ballast'));
    await (await open(file('new.db'))).close();
    await rm(file('new.db'));
  });

  it('is read from a read-only medium when it was closed, and says what is missing when it was not', async () => {
    const [closed, killed] = [file('closed.db'), file('killed.db')];
    for (const path of [closed, killed]) {
      const log = await open(path);
      await log.append('note-1', notes('a', 'b'), 'none');
      // What a killed process leaves: the file and its write-ahead log, as they are before the log is closed.
      const left = await Promise.all([readFile(path), readFile(`${path}-wal`)]);
      await log.close();
      if (path === killed) await Promise.all([writeFile(path, left[0]), writeFile(`${path}-wal`, left[1])]);
    }
    disk?.setReadOnly(true);
    try {
      const log = await open(closed, 'readOnly');
      expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'b']);
      await log.close();
      for (const mode of ['create', 'existing'] as const)
        expect(await openSqliteEventLog({ path: closed, mode })).toMatchObject({
          ok: false,
          error: { type: 'LogUnreachable', detail: expect.stringContaining('EROFS') },
        });
      expect(await openSqliteEventLog({ path: killed, mode: 'readOnly' })).toMatchObject({
        ok: false,
        error: {
          type: 'LogUnreachable',
          where: killed,
          detail: expect.stringContaining('killed.db-wal to a writable folder'),
        },
      });
    } finally {
      disk?.setReadOnly(false);
    }
    const log = await open(killed, 'readOnly');
    expect((await collect(log.readAll())).map(textOf)).toEqual(['a', 'b']);
    await log.close();
  });
});
