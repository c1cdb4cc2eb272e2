/**
 * Each fact names the hash of the fact before it in its stream, so no fact can be changed, removed or slipped in later
 * without all that follow it being rewritten too:
 *
 *     fact 0                      fact 1                          fact 2
 *     previousHash: 000...0  <--  previousHash: SHA-256(fact 0)  <--  previousHash: SHA-256(fact 1)
 *
 * What is hashed is the canonical JSON of the fact as it was written, without its position: the position is given by the
 * store and differs when a log is copied from one store to another; the hashes do not.
 *
 * The last fact of a stream has no successor to vouch for it. Whoever wants to detect a changed or cut-off end keeps the
 * heads that `verifyChain` returns somewhere else.
 */
import { hash } from 'node:crypto';
import { err, ok, type Result } from '#core/result';
import { canonicalJson, escaped } from './canonical-json.ts';
import type { FactMetadata, ProposedFact, RecordedFact, Revision, StreamId } from './event-log.ts';

/** The `previousHash` of a stream's first fact. */
export const chainStart = '0'.repeat(64);

/** SHA-256 (hex) of a fact as it was written: what the next fact of its stream carries as `previousHash`. */
export const hashOf = ({ id, stream, revision, type, data, metadata }: Omit<RecordedFact, 'position'>): string =>
  hashOfTexts(id, stream, revision, type, canonicalJson(data), canonicalJson(metadata));

/** A fact on its way into a store that keeps JSON: canonical texts, and the hash its successor will carry. */
export interface ChainedFact {
  readonly data: string;
  /** With `previousHash`. */
  readonly metadata: string;
  readonly hash: string;
}

/** Links a fact to the one before it. The texts are what a store should write, so that nothing is serialized twice. */
export function chained(stream: StreamId, revision: number, fact: ProposedFact, previousHash: string): ChainedFact {
  const data = canonicalJson(fact.data);
  const metadata = metadataText(fact.metadata, previousHash);
  return { data, metadata, hash: hashOfTexts(fact.id, stream, revision, fact.type, data, metadata) };
}

// The members in canonical order, put together from texts that are canonical already.
const hashOfTexts = (
  id: string,
  stream: string,
  revision: number,
  type: string,
  data: string,
  metadata: string,
): string =>
  hash(
    'sha256',
    `{"data":${data},"id":"${escaped(id)}","metadata":${metadata},"revision":${revision},"stream":"${escaped(stream)}","type":"${escaped(type)}"}`,
  );

/** The same as the canonical JSON of both together, without making an object of both first. */
function metadataText(metadata: FactMetadata, previousHash: string): string {
  const { actor, causationId, commandId, correlationId, model, schemaVersion, time } = metadata;
  const known = 5 + (causationId === undefined ? 0 : 1) + (commandId === undefined ? 0 : 1);
  if (Object.keys(metadata).length !== known) return canonicalJson({ ...metadata, previousHash });
  const causation = causationId === undefined ? '' : `","causationId":"${escaped(causationId)}`;
  const command = commandId === undefined ? '' : `","commandId":"${escaped(commandId)}`;
  return `{"actor":"${escaped(actor)}${causation}${command}","correlationId":"${escaped(correlationId)}","model":${modelText(model)}${previousHash}","schemaVersion":${canonicalJson(schemaVersion)},"time":${canonicalJson(time)}}`;
}

// Nearly all facts in a row name the same chart.
let lastModel: { readonly id: string; readonly version: string; readonly text: string } | undefined;

/** The model, up to where the hash stands. */
function modelText(model: FactMetadata['model']): string {
  const { id, version } = model;
  if (lastModel?.id === id && lastModel.version === version && Object.keys(model).length === 2) return lastModel.text;
  const text = `${canonicalJson(model)},"previousHash":"`;
  // With two members that are both texts it has no others.
  if (Object.keys(model).length === 2 && typeof id === 'string' && typeof version === 'string')
    lastModel = { id, version, text };
  return text;
}

/** A chain that holds. */
export interface VerifiedChain {
  /** How many facts were looked at. */
  readonly facts: number;
  /** The hash of the last fact of each stream: kept elsewhere, it proves later that the end is still the same. */
  readonly heads: ReadonlyMap<StreamId, string>;
}

/** A chain that does not hold, at the first fact where that shows. */
export type BrokenChain =
  /** This fact does not carry the hash of the one before it: one of the two was changed after it was written. */
  | {
      readonly type: 'LinkBroken';
      readonly stream: StreamId;
      readonly revision: Revision;
      readonly expected: string;
      readonly actual: string;
    }
  /** Facts are missing, doubled or out of order: `revision` stands where `expected` should. */
  | {
      readonly type: 'RevisionMissing';
      readonly stream: StreamId;
      readonly revision: Revision;
      readonly expected: number;
    };

/** Looks at one fact after another. Ask `heads` when there are no more. */
export interface ChainVerifier {
  /** The facts of one stream must come in order from revision 0; those of others may come between. */
  check(fact: RecordedFact): Result<void, BrokenChain>;
  verified(): VerifiedChain;
}

/** Verifies facts as they come, holding one hash per stream and not the facts. They must be as stored, not upcast. */
export function chainVerifier(): ChainVerifier {
  const ends = new Map<StreamId, { readonly next: number; readonly head: string }>();
  let facts = 0;
  return {
    check(fact) {
      const { stream, revision } = fact;
      const end = ends.get(stream) ?? { next: 0, head: chainStart };
      if (revision !== end.next) return err({ type: 'RevisionMissing', stream, revision, expected: end.next });
      const actual = fact.metadata.previousHash;
      if (actual !== end.head) return err({ type: 'LinkBroken', stream, revision, expected: end.head, actual });
      ends.set(stream, { next: revision + 1, head: hashOf(fact) });
      facts += 1;
      return ok(undefined);
    },
    verified: () => ({ facts, heads: new Map([...ends].map(([stream, { head }]) => [stream, head])) }),
  };
}

/**
 * Verifies every stream of a log, or one stream: `verifyChain(log.readAll({ asStored: true }))`. Stops at the first fact
 * that does not follow. Facts must be as stored: an upcast fact no longer has the hash it was written with.
 */
export async function verifyChain(
  facts: Iterable<RecordedFact> | AsyncIterable<RecordedFact>,
): Promise<Result<VerifiedChain, BrokenChain>> {
  const verifier = chainVerifier();
  for await (const fact of facts) {
    const checked = verifier.check(fact);
    if (!checked.ok) return checked;
  }
  return ok(verifier.verified());
}

/** One sentence for a person. */
export function describeBrokenChain(broken: BrokenChain): string {
  switch (broken.type) {
    case 'LinkBroken':
      return `fact ${broken.revision} of ${broken.stream} does not follow from the one before it: one of the two was changed after it was written (it names ${broken.actual}, the one before it hashes to ${broken.expected})`;
    case 'RevisionMissing':
      return `${broken.stream} goes on with fact ${broken.revision} where fact ${broken.expected} should stand: facts were removed, doubled or moved`;
  }
}
