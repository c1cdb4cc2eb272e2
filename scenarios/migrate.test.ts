import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog, ProposedFact } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { commandId, diskId, factId } from '#core/ids';
import type { MigrationFact } from '#core/migration/facts';
import { bytes, instant, MiB, seconds } from '#core/units';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { smallMigration } from '#test/support/small-migration';
import { valueOf } from '#test/support/value-of';
import { loadScenario } from './load.ts';
import { migrate } from './migrate.ts';
import { migrationPlanOf, type MigrationScenario } from './migration-scenario.ts';
import { describeOpenError } from './open-migration.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealift-'));
});
afterEach(() => rm(folder, { recursive: true }));

const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
const scenario = (more = ''): MigrationScenario => {
  const text = `{ kind: migration, id: vm, title: T, why: W, vm: { name: vm }, source: { qmp: '${folder}/qmp' }${more} }`;
  const loaded = valueOf(loadScenario(text, 'test'));
  if (loaded.kind !== 'migration') throw new Error(loaded.kind);
  return loaded;
};
const run = (what: MigrationScenario, log: EventLog, more: { readonly signal?: AbortSignal } = {}) =>
  migrate({
    ...{ scenario: what, log, clock, dataDirectory: folder, ...more },
    newFactId: () => factId('f'),
    newCommandId: () => commandId('c'),
  });

/** A log in which the migration was drafted from this scenario. */
async function drafted(from: MigrationScenario): Promise<EventLog> {
  const log = inMemoryEventLog();
  const inventory = {
    disks: [{ id: diskId('vda'), size: bytes(MiB) }],
    source: `qmp:${folder}/qmp`,
    target: join(folder, 'vm', 'replica'),
  };
  const fact: ProposedFact<MigrationFact> = {
    id: factId('first'),
    type: 'MigrationDrafted',
    data: { plan: valueOf(migrationPlanOf(from, inventory)) },
    metadata: {
      time: instant(0),
      actor: 'operator:ada',
      correlationId: 'migration-vm',
      schemaVersion: 2,
      model: { id: 'migration', version: '1' },
    },
  };
  valueOf(await log.append('migration-vm', [fact], 'none'));
  return log;
}

describe('migrate', () => {
  it('says what to check when there is no VM at the monitor, and leaves no trace in the log', async () => {
    const log = inMemoryEventLog();
    const result = await run(scenario(), log);
    if (result.ok) throw new Error('there is no VM');
    expect(describeOpenError(result.error)).toContain('check source.qmp of the scenario and that the VM runs');
    for await (const fact of log.readAll()) throw new Error(`nothing was to happen, but ${fact.type}`);
  });

  it('refuses a file that was changed after the migration was drafted, and says what changed', async () => {
    const log = await drafted(scenario());
    const result = await run(scenario(', downtimeMax: 9 s'), log);
    expect(result).toMatchObject({ error: { differences: ['downtimeMax was 5000 and is now 9000'] } });
    if (!result.ok) expect(describeOpenError(result.error)).toContain('put it back, or give it another id');
  });

  it('takes a plan for the same whose keys the log keeps in another order', async () => {
    const log = await drafted(scenario());
    const stop = new AbortController();
    stop.abort();
    expect(await run(scenario(), log, { signal: stop.signal })).toMatchObject({ value: { ending: 'interrupted' } });
  });
});

describe('carrying a migration out', () => {
  it('stops when somebody else writes to the same migration', async () => {
    const small = smallMigration();
    let isWritten = false;
    const intrude = (fact: MigrationFact): void => {
      if (fact.type !== 'ReplicationInitiated' || isWritten) return;
      isWritten = true;
      const metadata = {
        time: instant(0),
        actor: 'operator:eve',
        correlationId: 'x',
        schemaVersion: 2,
        model: { id: 'migration', version: '1' },
      };
      const data = { round: 0, done: 0, total: 0, sent: 0 };
      void small.log.append(
        'migration-small',
        [{ id: factId('foreign'), type: 'RoundProgressed', data, metadata }],
        'any',
      );
    };
    expect(await small.live({ onFact: intrude })).toMatchObject({ ending: 'logRefused' });
    expect(small.source.power).toBe('running');
  });

  it('gives the source back when it is interrupted in a cutover, and goes on with a delta', async () => {
    const small = smallMigration();
    const stop = new AbortController();
    const interrupt = ({ type }: MigrationFact): void => {
      if (type === 'SourceQuiesced') stop.abort();
    };
    expect(await small.live({ onFact: interrupt, signal: stop.signal })).toMatchObject({ ending: 'interrupted' });
    expect(small.source.power).toBe('running');
    expect(await small.live()).toMatchObject({ ending: 'cutOver' });
    expect(small.isEqual()).toBe(true);
  });

  it('keeps the replica fresh while nobody has approved the cutover', async () => {
    const small = smallMigration({ approval: 'required', refreshEvery: seconds(1) });
    const stop = new AbortController();
    let rounds = 0;
    const count = ({ type }: MigrationFact): void => {
      if (type === 'RoundCompleted' && (rounds += 1) === 4) stop.abort();
    };
    expect(await small.live({ onFact: count, signal: stop.signal })).toMatchObject({ ending: 'interrupted' });
    expect((await small.facts()).map(({ type }) => type)).not.toContain('CutoverStarted');
    expect(await small.live({ approve: () => Promise.resolve('grace') })).toMatchObject({ ending: 'cutOver' });
  });

  it('passes on what asking for the approval failed with', async () => {
    const small = smallMigration({ approval: 'required' });
    const approve = (): Promise<string> => Promise.reject(new Error('the terminal is gone'));
    await expect(small.live({ approve })).rejects.toThrow('the terminal is gone');
  });
});
