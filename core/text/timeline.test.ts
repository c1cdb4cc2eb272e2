import { describe, expect, it } from 'vitest';
import { migrationId } from '#core/ids';
import { instant } from '#core/units';
import { sampleSentinelFacts } from '#test/support/sentinel-facts';
import { groupOf, timelineLine } from './timeline.ts';

const start = instant(Date.parse('2026-03-01T22:00:00Z'));
const metadata = { time: instant(start + 65_000), actor: 'operator:ann' };

describe('timelineLine', () => {
  it('tells a migration fact with its offset, subject and actor', () =>
    expect(
      timelineLine({ stream: 'migration-web-01', type: 'CutoverApproved', data: { by: 'ann' }, metadata }, start),
    ).toEqual({
      offset: '+00:01:05',
      subject: 'web-01',
      actor: 'operator:ann',
      group: 'decision',
      title: 'Cutover approved',
      detail: 'by ann',
      severity: 'success',
    }));

  it('tells a wave by how its members ended', () => {
    const members = [
      { migration: migrationId('a'), lifecycle: 'cutOver' },
      { migration: migrationId('b'), lifecycle: 'rolledBack' },
      { migration: migrationId('c'), lifecycle: 'cutOver' },
    ];
    expect(timelineLine({ stream: 'wave-7', type: 'WaveCompleted', data: { members }, metadata }, start)).toMatchObject(
      {
        detail: '2 cutOver, 1 rolledBack',
        severity: 'warning',
      },
    );
  });

  it('lets no terminal sequence of a guest through', () => {
    const data = { reason: { type: 'Any', detail: 'panic\u001B[2J\u001B]0;owned\u0007\nat boot' } };
    expect(timelineLine({ stream: 'migration-a', type: 'LaunchFailed', data, metadata }, start).detail).toBe(
      'panic at boot',
    );
  });

  it('tells every fact of a sentinel, and why somebody was not let in', () => {
    const told = sampleSentinelFacts.map(({ type, data }) => {
      const { subject, title, detail, severity } = timelineLine(
        { stream: 'sentinel-web-01', type, data, metadata },
        start,
      );
      expect(subject).toBe('web-01');
      return `${severity} ${title}: ${detail}`;
    });
    expect(told).toMatchInlineSnapshot(`
      [
        "step Bundle made: for linux, by ada; enrols one guest until 1970-01-01 00:00:00Z",
        "success Sentinel enrolled: web01 from 10.0.0.7; its certificate is valid until 1970-01-01 00:00:01Z",
        "note Certificate renewed: valid until 1970-01-01 00:00:02Z",
        "step Sentinel connected: version 1.0.0 from 10.0.0.7, boot boot (connection 1)",
        "step Sentinel connected: version 1.0.0 from 10.0.0.7, boot boot (connection 2)",
        "warning Sentinel gone: silent (connection 1)",
        "warning Sentinel gone: closed (connection 2)",
        "failure Token refused: replayed: another key has used it already; from 10.0.0.8",
        "warning Sentinel revoked: stolen, by ada",
        "success Sentinel upgraded: from 1.0.0 to 1.1.0, by ada",
        "step Asked to leave its guest: by ada (connection 2)",
        "failure Does not leave its guest: at rest",
        "warning Not known to have left its guest: it never answered",
        "step Sentinel uninstalled: by ada",
      ]
    `);
  });

  it('shows what a guest says of itself as one line, whatever it says', () => {
    const data = { connection: 1, why: 'bye\r\n+00:00:00 + web-02 \u001B[2JSentinel enrolled' };
    const { detail } = timelineLine({ stream: 'sentinel-web-01', type: 'SentinelLost', data, metadata }, start);
    expect(detail).toBe('bye +00:00:00 + web-02 Sentinel enrolled (connection 1)');
  });

  it('tells a fact of an unknown kind by its type, and leaves none out', () => {
    const unknown = { stream: 'mesh-1', type: 'MeshDeployed', data: {}, metadata } as const;
    expect(timelineLine(unknown, start)).toMatchObject({ title: 'MeshDeployed', group: 'driver' });
    // A type that is a member of every object must not be taken for a known one.
    expect(groupOf({ stream: 'migration-a', type: 'toString' })).toBe('driver');
  });
});
