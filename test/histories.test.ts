import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyChain } from '#core/event-log/chain';
import type { RecordedFact } from '#core/event-log/event-log';
import { upcast } from '#core/event-log/upcast';
import { breachLines } from '#core/laws/breach-text';
import { entryOf, judgeLog } from '#core/laws/judge';
import { laws } from '#core/laws/laws';
import { axesOf } from '#core/migration/abilities';
import { foldMigration } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import { instant } from '#core/units';
import { describeRecorded } from '#core/text/timeline';
import { valueOf } from '#test/support/value-of';

const folder = 'test/fixtures/histories';
const names = readdirSync(folder).filter((name) => name.endsWith('.ndjson'));

/** Where the migrations of each history ended, when it was recorded. A history without a row is not held against anything. */
const ends: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  '0.1.0-schema-1-fix-up-fails.ndjson': { finalized: 3, protected: 2, rolledBack: 1 },
  '0.1.0-schema-2-first-wave.ndjson': { finalized: 9, rolledBack: 2, blocked: 1 },
};

const stored = (name: string): readonly RecordedFact[] =>
  readFileSync(`${folder}/${name}`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as RecordedFact);

describe('a log of an earlier build', () => {
  it('is there for every schema that was ever written', () => {
    const schemas = new Set(names.map((name) => Number(/schema-(\d+)/.exec(name)?.[1])));
    expect([...schemas].toSorted((a, b) => a - b)).toEqual([1, 2]);
    expect(names).toEqual(Object.keys(ends));
  });

  describe.each(names)('%s', (name) => {
    const facts = stored(name);
    const read = facts.map((fact) => valueOf(upcast(fact, name)));

    it('is whole: its chain holds, and its newest facts are of the schema in its name', async () => {
      expect((await verifyChain(facts)).ok).toBe(true);
      // Each model has a version of its own; the newest names the log.
      const newest = Math.max(...facts.map(({ metadata }) => metadata.schemaVersion));
      expect(`schema-${newest}`).toBe(/schema-\d+/.exec(name)?.[0]);
    });

    it('replays to where it ended', () => {
      const streams = new Map<
        string,
        { fact: MigrationFact; place: { stream: string; time: RecordedFact['metadata']['time'] } }[]
      >();
      for (const { stream, type, data, metadata } of read.filter((fact) => fact.stream.startsWith('migration-'))) {
        const of = streams.get(stream) ?? [];
        streams.set(stream, of);
        of.push({ fact: { type, data } as unknown as MigrationFact, place: { stream, time: metadata.time } });
      }
      const ended: Record<string, number> = {};
      for (const of of streams.values()) {
        const { lifecycle } = axesOf(foldMigration(of));
        ended[lifecycle] = (ended[lifecycle] ?? 0) + 1;
      }
      expect(ended).toEqual(ends[name]);
    });

    it('keeps every law, also those that are younger', () => {
      const judged = read.filter(({ stream }) => /^(migration|wave)-/.test(stream)).map(entryOf);
      expect(breachLines(laws, judgeLog(laws, judged, { isOver: true }), instant(0))).toEqual([]);
    });

    it('is told in words', () => {
      const wordless = read.filter(
        (fact) => describeRecorded(fact).title === fact.type && !fact.stream.startsWith('rehearsal-'),
      );
      expect(wordless.map(({ type }) => type)).toEqual([]);
    });
  });
});
