import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { revision, type ProposedFact, type StreamId } from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { fleetFold } from '#core/fleet/fleet-view';
import { MiB } from '#core/units';
import { rehearse } from '#scenarios/run';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { fleetOf } from './fleet-scenario.ts';
import { appendHistory } from './measure.ts';

/**
 * A log of a million facts: how long it takes to write it to SQLite, to read it, and to fold it, from the file and from
 * memory. The facts are those of a rehearsed fleet, told again and again under other names.
 *
 *     npx tsx bench/million.ts [--facts 1000000]
 */
const { values } = parseArgs({ options: { facts: { type: 'string', default: '1000000' } } });
const wanted = Number(values.facts);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const folder = mkdtempSync(join(tmpdir(), 'sealift-bench-'));
const path = join(folder, 'million.db');

const scenario = fleetOf(500);
const batches: { readonly stream: StreamId; readonly facts: readonly ProposedFact[] }[] = [];
await rehearse({
  scenario,
  clock: virtualClock({ turn, start: scenario.starts }),
  onFacts: (stream, facts) => void batches.push({ stream, facts }),
});

try {
  const opened = await openSqliteEventLog({ path, mode: 'create' });
  if (!opened.ok) throw new Error(JSON.stringify(opened.error));
  const log = opened.value;
  const write = await seconds(async () => {
    let written = 0;
    for (let fleet = 0; written < wanted; fleet += 1) {
      const appended: Promise<unknown>[] = [];
      const ends = new Map<StreamId, number>();
      for (const { stream, facts } of batches) {
        if (written >= wanted) break;
        written += facts.length;
        const end = ends.get(stream) ?? -1;
        ends.set(stream, end + facts.length);
        appended.push(log.append(`${stream}.${fleet}`, facts, end < 0 ? 'none' : revision(end)));
      }
      await Promise.all(appended);
    }
  });
  const read = await seconds(async () => {
    let count = 0;
    for await (const { position } of log.readAll()) count = position;
    if (count < wanted) throw new Error(`${count} facts`);
  });
  const fromFile = await seconds(async () => {
    const fold = fleetFold();
    for await (const fact of log.readAll()) fold.add(fact);
    if (fold.migrations.size === 0) throw new Error('nothing was folded');
  });
  const held: Parameters<ReturnType<typeof fleetFold>['add']>[0][] = [];
  for await (const fact of log.readAll()) held.push(fact);
  const fromMemory = await seconds(async () => {
    const fold = fleetFold();
    for (const fact of held) fold.add(fact);
  });
  await log.close();
  const mib = Math.round(statSync(path).size / MiB);
  console.log(
    `${held.length} facts, ${mib} MiB: written in ${write.toFixed(1)} s, read in ${read.toFixed(1)} s, read and folded in ${fromFile.toFixed(1)} s, folded from memory in ${fromMemory.toFixed(1)} s`,
  );
  appendHistory('million', { facts: held.length, mib, write, read, fromFile, fromMemory });
} finally {
  rmSync(folder, { recursive: true });
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return Number(((performance.now() - began) / 1_000).toFixed(2));
}
