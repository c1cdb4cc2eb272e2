import { writeSync } from 'node:fs';
import type { ProposedFact, StreamId } from '#core/event-log/event-log';
import { openSqliteEventLog } from '#core/event-log/sqlite';
import { factId } from '#core/ids';
import { instant } from '#core/units';

/**
 * A process that appends to a log until it is killed, or until each of its lanes has written `batches`:
 *
 *     node writer.js <path> <run> <seed> <lanes> [batches]
 *
 * Lane n writes batches of some facts to the stream `crash-<run>.<n>` and prints `<stream> <revision>` on standard output
 * for each that was acknowledged. The data of a fact says how many are in its batch and which of them it is.
 */
const [path = '', run = '', seed = '1', lanes = '1', batches = 'Infinity'] = process.argv.slice(2);

const opened = await openSqliteEventLog({ path, mode: 'create' });
if (!opened.ok) throw new Error(JSON.stringify(opened.error));
const log = opened.value;
writeSync(1, 'open\n');
await Promise.all(
  Array.from({ length: Number(lanes) }, (_, lane) => write(`crash-${run}.${lane}`, Number(seed) + lane)),
);
await log.close();
writeSync(1, 'closed\n');

async function write(stream: StreamId, laneSeed: number): Promise<void> {
  let state = laneSeed;
  // A generator this small is random enough to choose sizes.
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % n;
  };
  let expected: Parameters<typeof log.append>[2] = 'none';
  for (let batch = 0; batch < Number(batches); batch += 1) {
    const of = 1 + below(6);
    const facts = Array.from({ length: of }, (_, which) => fact(stream, { batch, which, of }, below(3_000)));
    const appended = await log.append(stream, facts, expected);
    if (!appended.ok) throw new Error(JSON.stringify(appended.error));
    expected = appended.value.revision;
    // Synchronous, as nothing after a kill is: what was printed was acknowledged.
    writeSync(1, `${stream} ${appended.value.revision}\n`);
  }
}

function fact(stream: StreamId, data: { batch: number; which: number; of: number }, padding: number): ProposedFact {
  return {
    id: factId(`${stream}.${data.batch}.${data.which}`.replace('-', '_')),
    type: 'Noted',
    data: { ...data, padding: '.'.repeat(padding) },
    metadata: {
      time: instant(0),
      actor: 'driver',
      correlationId: stream,
      schemaVersion: 2,
      model: { id: 'note', version: '1' },
    },
  };
}
