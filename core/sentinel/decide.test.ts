import { getSimplePaths } from 'xstate/graph';
import { describe, expect, it } from 'vitest';
import { instant } from '#core/units';
import type { SentinelCommand } from './commands.ts';
import { describeSentinelRejection } from './commands.ts';
import { decideSentinel, mayBeUninstalled, sentinelStateName, whyNotAdmitted } from './decide.ts';
import { evolveSentinel, initialSentinel, type SentinelState } from './evolve.ts';
import type { SentinelFact, SentinelIdentity } from './facts.ts';
import { sentinelMachine } from './machine.ts';

const from = '10.0.0.7';
const identity = (name: string, validUntil = 1_000): SentinelIdentity => ({
  publicKey: `key ${name}`,
  certificate: `certificate ${name}`,
  validUntil: instant(validUntil),
});
const bundle: SentinelFact = {
  type: 'BundleMade',
  data: { os: 'linux', standalone: false, tokenHash: 'hash', tokenValidUntil: instant(100), by: 'ada' },
};
const enrolled: SentinelFact = {
  type: 'SentinelEnrolled',
  data: { identity: identity('a'), hostname: 'web01', from },
};
const rotated: SentinelFact = { type: 'CertificateRotated', data: { identity: identity('b', 2_000) } };
const connected = (connection: number, certificate = 'certificate a'): SentinelFact => ({
  type: 'SentinelConnected',
  data: { connection, certificate, version: '1.0.0', bootId: 'boot', from },
});
const lost = (connection: number): SentinelFact => ({ type: 'SentinelLost', data: { connection, why: 'silent' } });
const revoked: SentinelFact = { type: 'SentinelRevoked', data: { reason: 'stolen', by: 'ada' } };
const uninstalled: SentinelFact = { type: 'SentinelUninstalled', data: { by: 'ada' } };

const requested = (connection: number): SentinelFact => ({
  type: 'UninstallRequested',
  data: { connection, by: 'ada' },
});
const unconfirmed = (connection: number): SentinelFact => ({
  type: 'UninstallUnconfirmed',
  data: { connection, why: 'it never answered' },
});
const refusedUninstall = (connection: number): SentinelFact => ({
  type: 'UninstallRefused',
  data: { connection, why: 'at rest' },
});

const after = (...facts: readonly SentinelFact[]): SentinelState =>
  facts.reduce((state, fact) => evolveSentinel(state, fact).state, initialSentinel());
const admit = (certificate: string, at: number): SentinelCommand => ({
  type: 'AdmitSentinel',
  data: { certificate, version: '1.0.0', bootId: 'boot', from, at: instant(at) },
});
const enrol = (at: number, { tokenHash = 'hash', key = 'a' } = {}): SentinelCommand => ({
  type: 'EnrolSentinel',
  data: { tokenHash, identity: identity(key), hostname: 'web01', from, at: instant(at) },
});
const decided = (state: SentinelState, command: SentinelCommand): unknown => {
  const decision = decideSentinel(command, state);
  if (!decision.ok) return decision.error.type;
  return decision.value.map((fact) => (fact.type === 'SentinelRefused' ? fact.data.why : fact.type)).join();
};

describe('a token', () => {
  it('enrols one guest, until it expires', () => {
    expect(decided(after(bundle), enrol(99))).toBe('SentinelEnrolled');
    expect(decided(after(bundle), enrol(100))).toBe('expired');
    expect(decided(after(bundle), enrol(99, { tokenHash: 'other' }))).toBe('unknown');
  });

  it('is replayed by any other key, and asked for again by its own', () => {
    expect(decided(after(bundle, enrolled), enrol(99, { key: 'thief' }))).toBe('replayed');
    expect(decided(after(bundle, enrolled), enrol(99))).toBe('CertificateRotated');
    expect(decided(after(bundle, enrolled), enrol(100))).toBe('expired');
  });

  it('is of no use once it was withdrawn, or another was made', () => {
    expect(decided(after(bundle, revoked), enrol(1))).toBe('revoked');
    expect(decided(after(bundle, enrolled, uninstalled), enrol(1))).toBe('uninstalled');
    const second: SentinelFact = { ...bundle, data: { ...bundle.data, tokenHash: 'second' } } as SentinelFact;
    expect(decided(after(bundle, second), enrol(1))).toBe('unknown');
    expect(decided(after(bundle, second), enrol(1, { tokenHash: 'second' }))).toBe('SentinelEnrolled');
  });
});

describe('a certificate', () => {
  it('is accepted from its issue to its end', () => {
    expect(decided(after(bundle, enrolled), admit('certificate a', 999))).toBe('SentinelConnected');
    expect(decided(after(bundle, enrolled), admit('certificate a', 1_000))).toBe('expired');
    expect(decided(after(bundle), admit('certificate a', 1))).toBe('unknown');
    expect(decided(after(bundle, enrolled, revoked), admit('certificate a', 1))).toBe('revoked');
    expect(decided(after(bundle, enrolled, uninstalled), admit('certificate a', 1))).toBe('uninstalled');
  });

  it('is superseded once the one after it was used, and not before', () => {
    const both = after(bundle, enrolled, connected(1), rotated);
    expect(whyNotAdmitted(both, { certificate: 'certificate a', at: instant(1) })).toBeUndefined();
    expect(whyNotAdmitted(both, { certificate: 'certificate b', at: instant(1) })).toBeUndefined();
    const used = after(bundle, enrolled, connected(1), rotated, connected(2, 'certificate b'));
    expect(decided(used, admit('certificate a', 1))).toBe('superseded');
    expect(decided(used, admit('certificate b', 1))).toBe('SentinelConnected');
  });

  it('that a guest may hold is never superseded by one whose answer was lost', () => {
    const second: SentinelFact = { type: 'CertificateRotated', data: { identity: identity('c', 3_000) } };
    const again = (name: string): SentinelFact => ({
      type: 'CertificateRotated',
      data: { identity: { ...identity('b', 2_000), certificate: `certificate ${name}` } },
    });
    const accepted = (...facts: readonly SentinelFact[]): readonly string[] =>
      after(bundle, enrolled, connected(1), ...facts).snapshot.context.identities.map((each) => each.certificate);
    // Asked for twice with one key: the guest has still the first.
    expect(accepted(rotated, again('b2'))).toEqual(['certificate a', 'certificate b2']);
    // With another key: it has the one before, and perhaps not this one.
    expect(accepted(rotated, second)).toEqual(['certificate b', 'certificate c']);
    expect(accepted(rotated, again('b2'), second)).toEqual(['certificate b2', 'certificate c']);
  });
});

describe('connections', () => {
  it('are counted, and the newest has the say', () => {
    const state = after(bundle, enrolled, connected(1));
    const { effects } = evolveSentinel(state, connected(2));
    expect(effects).toEqual([{ type: 'disconnectOlder', params: { newest: 2 } }]);
    const twice = after(bundle, enrolled, connected(1), connected(2));
    expect(decided(twice, { type: 'NoteLoss', data: { connection: 1, why: 'closed' } })).toBe('SentinelNotNow');
    expect(sentinelStateName(after(bundle, enrolled, connected(1), connected(2), lost(2)))).toBe('enrolled.away');
  });

  it('end when the sentinel is revoked or uninstalled', () => {
    for (const end of [revoked, uninstalled])
      expect(evolveSentinel(after(bundle, enrolled, connected(1)), end).effects).toEqual([
        { type: 'disconnectAll', params: {} },
      ]);
  });
});

describe('an uninstall', () => {
  const asked = [bundle, enrolled, connected(1), requested(1)] as const;
  const note: SentinelCommand = { type: 'NoteUninstallUnconfirmed', data: { why: 'it never answered' } };

  it('that was asked for and not answered may have been done, until it is refused or the sentinel comes again', () => {
    expect(mayBeUninstalled(after(bundle, enrolled, connected(1)))).toBe(false);
    expect(mayBeUninstalled(after(...asked))).toBe(true);
    expect(mayBeUninstalled(after(...asked, lost(1)))).toBe(true);
    expect(mayBeUninstalled(after(...asked, refusedUninstall(1)))).toBe(false);
    expect(mayBeUninstalled(after(...asked, lost(1), connected(2)))).toBe(false);
  });

  it('is unconfirmed once, only if it was asked for, and is no end: whoever comes after all is let in', () => {
    expect(decided(after(bundle, enrolled, connected(1), lost(1)), note)).toBe('SentinelNotNow');
    expect(decided(after(...asked, refusedUninstall(1), lost(1)), note)).toBe('SentinelNotNow');
    expect(decided(after(...asked, lost(1)), note)).toBe('UninstallUnconfirmed');
    const noted = after(...asked, lost(1), unconfirmed(1));
    expect(decided(noted, note)).toBe('SentinelNotNow');
    expect(mayBeUninstalled(noted)).toBe(true);
    expect(sentinelStateName(noted)).toBe('enrolled.away');
    expect(decided(noted, admit('certificate a', 1))).toBe('SentinelConnected');
    expect(decided(noted, { type: 'RevokeSentinel', data: { reason: 'looked', by: 'ada' } })).toBe('SentinelRevoked');
    expect(mayBeUninstalled(after(...asked, lost(1), unconfirmed(1), connected(2)))).toBe(false);
  });

  it('is asked for over the connection that has the say', () => {
    const request: SentinelCommand = { type: 'RequestUninstall', data: { by: 'ada' } };
    expect(decided(after(bundle), request)).toBe('SentinelNotNow');
    expect(() => after(bundle, enrolled, connected(1), connected(2), requested(1))).toThrow('cannot follow');
    expect(decided(after(...asked, requested(1)), { type: 'NoteUninstall', data: { by: 'ada' } })).toBe(
      'SentinelUninstalled',
    );
  });
});

describe('an operator', () => {
  it('makes no bundle under the name of a guest that is enrolled', () => {
    const decision = decideSentinel({ type: 'MakeBundle', data: bundle.data as never }, after(bundle, enrolled));
    expect(decision).toEqual({ ok: false, error: { type: 'SentinelEnrolledAlready' } });
    if (!decision.ok) expect(describeSentinelRejection(decision.error)).toContain('revoke it first');
    for (const end of [revoked, uninstalled])
      expect(decided(after(bundle, enrolled, end), { type: 'MakeBundle', data: bundle.data as never })).toBe(
        'BundleMade',
      );
  });

  it('revokes what is there, once', () => {
    const revoke: SentinelCommand = { type: 'RevokeSentinel', data: { reason: 'stolen', by: 'ada' } };
    expect(decided(after(bundle), revoke)).toBe('SentinelRevoked');
    expect(decided(after(bundle, revoked), revoke)).toBe('SentinelNotNow');
    expect(decided(initialSentinel(), revoke)).toBe('SentinelNotNow');
  });
});

describe('the sentinel chart', () => {
  it('never has an identity that is accepted without an enrolment after the last end', () => {
    const events = [
      bundle,
      enrolled,
      rotated,
      connected(1),
      lost(1),
      requested(1),
      unconfirmed(1),
      revoked,
      uninstalled,
    ];
    const paths = getSimplePaths(sentinelMachine, { events, limit: 20_000 });
    expect(new Set(paths.map(({ state }) => JSON.stringify(state.value))).size).toBe(6);
    for (const { state, steps } of paths) {
      const walked = steps.map(({ event }) => event.type) as readonly string[];
      const lastEnd = Math.max(walked.lastIndexOf('SentinelRevoked'), walked.lastIndexOf('SentinelUninstalled'));
      if (walked.lastIndexOf('SentinelEnrolled') < lastEnd) expect(state.context.identities).toEqual([]);
      if (state.context.identities.length > 0) expect(walked).toContain('SentinelEnrolled');
    }
  });

  it('refuses a fact that cannot follow', () => {
    expect(() => after(connected(1))).toThrow('SentinelConnected cannot follow');
  });
});
