import fc from 'fast-check';
import { verifyChain } from '#core/event-log/chain';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { revision, type ProposedFact, type RecordedFact, type StreamId } from '#core/event-log/event-log';
import { schemaVersion, upcast } from '#core/event-log/upcast';
import { factId } from '#core/ids';
import { instant } from '#core/units';
import { valueOf } from './value-of.ts';

/*
 * A log, and somebody who changes one fact of it after it was written: whoever audits it must notice. The last fact of a
 * stream has no successor to vouch for it; that it was changed shows in the head, which is kept elsewhere.
 */

/** How a log is tampered with. */
export interface LogWalk {
  /** Facts of each stream. */
  readonly lengths: readonly number[];
  readonly at: number;
  readonly how: (typeof tamperings)[number];
  /** The version of its shapes that a fact says it has. */
  readonly version: number;
}

const tamperings = ['data', 'type', 'time', 'actor', 'removed', 'doubled', 'swapped', 'hash', 'nothing'] as const;

/** Whatever may become of a log. */
export const anyLogWalk: fc.Arbitrary<LogWalk> = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
  at: fc.nat(20),
  how: fc.constantFrom(...tamperings),
  version: fc.oneof(fc.integer({ min: -1, max: schemaVersion + 2 }), fc.constantFrom(0.5, Number.NaN)),
});

/** Walks, and throws what is wrong. */
export async function soundLog(walk: LogWalk): Promise<void> {
  const facts = await writtenBy(walk);
  const kept = valueOf(await verifyChain(facts)).heads;
  const tampered = tamperedWith(facts, walk);
  const verified = await verifyChain(tampered);
  const isWhole = verified.ok && [...kept].every(([stream, head]) => verified.value.heads.get(stream) === head);
  const isSame = JSON.stringify(tampered) === JSON.stringify(facts);
  if (isWhole && !isSame) throw new Error(`L18 nobody notices what was done to the log: ${describe(walk)}`);
  if (!isWhole && isSame) throw new Error(`L18 a log as it was written does not pass its audit: ${describe(walk)}`);
  // Within a stream the chain alone tells, for whoever kept no head.
  const isInside = facts.some((fact, index) => index > walk.at % facts.length && fact.stream === streamAt(facts, walk));
  const isChange = !isSame && ['data', 'type', 'time', 'actor'].includes(walk.how);
  if (verified.ok && isInside && isChange)
    throw new Error(`L18 a fact was changed, and the one after it vouches for it: ${describe(walk)}`);
  proveUpcast(facts, walk);
}

const describe = ({ lengths, at, how }: LogWalk): string =>
  `given ${lengths.length} streams of ${lengths.join(', ')} facts, fact ${at}: ${how}`;

const streamAt = (facts: readonly RecordedFact[], { at }: LogWalk): StreamId | undefined =>
  facts[at % facts.length]?.stream;

async function writtenBy({ lengths }: LogWalk): Promise<readonly RecordedFact[]> {
  const log = inMemoryEventLog();
  for (const [nth, length] of lengths.entries())
    for (let count = 0; count < length; count += 1)
      valueOf(await log.append(`migration-m${nth}`, [factOf(nth, count)], count === 0 ? 'none' : revision(count - 1)));
  const facts: RecordedFact[] = [];
  for await (const fact of log.readAll({ asStored: true })) facts.push(structuredClone(fact));
  return facts;
}

const factOf = (nth: number, count: number): ProposedFact => ({
  id: factId(`00000000-0000-4000-8000-${String(nth * 100 + count).padStart(12, '0')}`),
  type: 'ReplicationPaused',
  data: { reason: `reason ${count}` },
  metadata: {
    ...{ time: instant(1_000 + count), actor: 'operator:ada', correlationId: `m${nth}`, schemaVersion },
    model: { id: 'migration', version: '1' },
  },
});

function tamperedWith(facts: readonly RecordedFact[], { at, how }: LogWalk): readonly RecordedFact[] {
  const index = at % facts.length;
  const fact = facts[index];
  if (!fact) return facts;
  const replaced = (changed: RecordedFact): readonly RecordedFact[] => facts.with(index, changed);
  const { metadata } = fact;
  switch (how) {
    case 'data':
      return replaced({ ...fact, data: { reason: 'another' } });
    case 'type':
      return replaced({ ...fact, type: 'RescanRequested' });
    case 'time':
      return replaced({ ...fact, metadata: { ...metadata, time: instant(7) } });
    case 'actor':
      return replaced({ ...fact, metadata: { ...metadata, actor: 'operator:eve' } });
    case 'hash':
      return replaced({ ...fact, metadata: { ...metadata, previousHash: 'f'.repeat(64) } });
    case 'removed':
      return facts.toSpliced(index, 1);
    case 'doubled':
      return facts.toSpliced(index, 0, fact);
    case 'swapped': {
      const next = facts.findIndex((other, later) => later > index && other.stream === fact.stream);
      const other = facts[next];
      return other ? facts.with(index, other).with(next, fact) : facts;
    }
    case 'nothing':
      return facts;
  }
}

/** A fact of this build or an older one is read, and no other. */
function proveUpcast([fact]: readonly RecordedFact[], { version }: LogWalk): void {
  if (!fact) return;
  const read = upcast({ ...fact, metadata: { ...fact.metadata, schemaVersion: version } }, 'a walk');
  const isKnown = Number.isInteger(version) && version >= 1 && version <= schemaVersion;
  if (read.ok !== isKnown)
    throw new Error(
      `L20 a fact of version ${version} is ${read.ok ? 'read' : 'refused'}, and this build is at ${schemaVersion}`,
    );
  if (read.ok && read.value.metadata.schemaVersion !== schemaVersion)
    throw new Error(`L20 a fact of version ${version} is not brought to ${schemaVersion}`);
  if (!read.ok && version > schemaVersion && read.error.type !== 'LogTooNew')
    throw new Error(`L20 a fact of version ${version} is called ${read.error.type}`);
}
