import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { millis, offset } from '#core/units';
import { connectNbd, listNbdExports } from '#replicator/nbd/client';
import { handshake } from '#replicator/nbd/handshake';
import { listTalk, openTalk } from '#replicator/nbd/negotiation';
import { optionReplyMax, type Talk } from '#replicator/nbd/option-exchange';
import { cuts, diskLength, firstLength, portions, spoiledReplies, transcript } from '#test/support/nbd-arbitraries';
import { negotiate, smallOffer, startPeer } from '#test/support/nbd-peer';

const talks: readonly (() => Talk<unknown>)[] = [
  () => openTalk({ exportName: 'x', tls: false, contexts: [] }),
  () => openTalk({ exportName: 'x', tls: false, contexts: ['q:b'] }),
  () => openTalk({ exportName: 'x', tls: true, contexts: [] }),
  () => listTalk({ tls: false }),
];

describe('the NBD handshake, whatever a server says', () => {
  it('ends at most once, in a value or a typed error, answers nothing after, and keeps little', () => {
    fc.assert(
      fc.property(fc.constantFrom(...talks), transcript, cuts, (talk, bytes, sizes) => {
        const steps = handshake(talk());
        const actions = [...steps.feed(new Uint8Array(0))];
        let heldMax = 0;
        for (const portion of portions(bytes, sizes)) {
          actions.push(...steps.feed(portion));
          if (actions.at(-1)?.type === 'startTls') actions.push(...steps.tlsStarted());
          heldMax = Math.max(heldMax, steps.held);
        }
        expect(heldMax).toBeLessThanOrEqual(optionReplyMax);
        const ends = actions.filter(({ type }) => type === 'finished' || type === 'failed');
        expect(ends.length).toBeLessThanOrEqual(1);
        expect(ends.length === 0 || actions.at(-1) === ends[0]).toBe(true);
        expect(typeof steps.hungUp().type).toBe('string');
        // What we send answers what we got; a server cannot make us talk more than it does.
        const sent = actions.reduce((sum, action) => sum + (action.type === 'send' ? action.data.length : 0), 0);
        expect(sent).toBeLessThan(400);
      }),
      { numRuns: 1500 },
    );
  });
});

describe('an NBD server that sends garbage', () => {
  const timeouts = { connect: millis(1000), negotiate: millis(100), stall: millis(100) };

  it('is reported as a typed error, or connected to, in time', async () => {
    await fc.assert(
      fc.asyncProperty(transcript, fc.boolean(), fc.boolean(), async (bytes, hangsUp, listing) => {
        const peer = await startPeer(async (session) => {
          session.send(bytes);
          if (hangsUp) session.end();
        });
        try {
          if (listing) expect(typeof (await listNbdExports(peer.uri, { timeouts })).ok).toBe('boolean');
          else {
            const connected = await connectNbd(peer.uri, { timeouts });
            if (connected.ok) await connected.value.close();
            expect(connected.ok || typeof connected.error.type === 'string').toBe(true);
          }
        } finally {
          await peer.dispose();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('leaves no call unanswered', async () => {
    await fc.assert(
      fc.asyncProperty(spoiledReplies, fc.boolean(), async (bytes, hangsUp) => {
        const peer = await startPeer(async (session) => {
          await negotiate(session, {
            ...smallOffer,
            flags: 1 | (1 << 2),
            contexts: { 0: 'base:allocation', 7: 'q:b' },
          });
          await session.receive(28);
          session.send(bytes);
          if (hangsUp) session.end();
        });
        try {
          const connected = await connectNbd(peer.uri, { timeouts, metaContexts: ['q:b'] });
          if (!connected.ok) throw new Error('the handshake was a good one');
          const device = connected.value;
          const calls = [
            device.read(offset(0), new Uint8Array(firstLength)),
            device.read(offset(firstLength), new Uint8Array(diskLength - firstLength)),
            device.write(offset(0), new Uint8Array(512)),
            device.flush(),
            device.extents(extent(0, diskLength)),
            device.dirtyExtents('q:b', extent(0, diskLength)),
          ];
          for (const answer of await Promise.all(calls))
            expect(answer.ok || typeof answer.error.type === 'string').toBe(true);
          await device.close();
        } finally {
          await peer.dispose();
        }
      }),
      { numRuns: 40 },
    );
  });
});
