import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { extent } from '#core/disk/extent';
import { bytes } from '#core/units';
import type { ReplicationError } from '#replicator/pipeline/replication';
import { reasonFor, roundEndedBy, troubleAtSource, troubleOnPath, type Trouble } from './trouble.ts';

const vda = diskId('vda');
/** A trouble in short: its type, and what follows from it. */
const brief = (trouble: Trouble): string => {
  switch (trouble.type) {
    case 'Stalled':
      return trouble.retryable ? 'stalled, tried again' : 'stalled, blocked';
    case 'Disconnected':
      return `disconnected from ${trouble.endpoint}`;
    default:
      return trouble.type;
  }
};
const detail = 'd';
const target = 't';
const source = 's';
const range = { at: 0 as never, length: bytes(1), detail };

describe('what an error means for a migration', () => {
  it.each<[HypervisorError, string]>([
    [{ type: 'Unreachable', operation: 'o', detail }, 'disconnected from source'],
    [{ type: 'Refused', operation: 'o', detail }, 'stalled, blocked'],
    [{ type: 'DiskNotFound', disk: vda }, 'stalled, blocked'],
    [{ type: 'TrackingLost', disk: vda, detail }, 'TrackingLost'],
    [{ type: 'ProtocolViolation', detail }, 'stalled, blocked'],
  ])('$type of a hypervisor', (error, expected) => expect(brief(troubleAtSource(error))).toBe(expected));

  it.each<[ReplicationError, string, string?]>([
    [{ type: 'SourceFailed', source, error: { type: 'ConnectionLost', detail } }, 'disconnected from source'],
    [{ type: 'SourceFailed', source, error: { type: 'IoError', ...range } }, 'stalled, tried again'],
    [{ type: 'SourceUnavailable', source, detail }, 'disconnected from source'],
    [{ type: 'ChangesUnknown', source, detail }, 'TrackingLost', 'stalled, blocked'],
    [{ type: 'TargetFailed', target, error: { type: 'NoSpace', ...range } }, 'stalled, blocked'],
    [{ type: 'TargetFailed', target, error: { type: 'ConnectionLost', detail } }, 'disconnected from target'],
    [{ type: 'TargetUnavailable', target, detail }, 'stalled, blocked'],
    [{ type: 'TargetExists', target }, 'stalled, blocked'],
    [{ type: 'TargetForeign', target, owner: 'o' }, 'stalled, blocked'],
    [{ type: 'TargetBusy', target, owner: 'o' }, 'stalled, tried again'],
    [{ type: 'TargetMissing', target }, 'stalled, blocked'],
    [{ type: 'RoundOutOfOrder', asked: 2, last: 0, lastIsComplete: true }, 'TrackingLost', 'stalled, blocked'],
    [{ type: 'DigestMismatch', at: extent(0, 1) }, 'stalled, tried again'],
    [{ type: 'RootMismatch', source, target }, 'TrackingLost', 'stalled, blocked'],
    [{ type: 'Unreachable', peer: 'gateway', address: 'a', detail }, 'disconnected from gateway'],
    [{ type: 'ConnectionLost', peer: 'receiver', detail }, 'disconnected from receiver'],
    [{ type: 'Unauthorized', peer: 'gateway', detail }, 'stalled, blocked'],
    [{ type: 'Cancelled' }, 'Abandoned'],
  ])('$type of a path', (error, expected, inRescan = expected) => {
    expect(brief(troubleOnPath(error, vda, true))).toBe(expected);
    // What a rescan cannot make good does not lead to a rescan again, for ever.
    expect(brief(troubleOnPath(error, vda, false))).toBe(inRescan);
  });

  it('names the disk, and ends a round with one fact', () => {
    const trouble = troubleOnPath({ type: 'TargetMissing', target }, vda, true);
    expect(reasonFor(trouble)).toMatchObject({ type: 'TargetMissing', detail: expect.stringContaining('disk vda: ') });
    expect(roundEndedBy(trouble)).toMatchObject([{ type: 'ReplicationStalled', data: { retryable: false } }]);
    expect(roundEndedBy({ type: 'TrackingLost', disk: vda, detail })).toEqual([
      { type: 'TrackingLost', data: { disk: vda, detail } },
    ]);
  });
});
