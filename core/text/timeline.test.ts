import { describe, expect, it } from 'vitest';
import { migrationId } from '#core/ids';
import { instant } from '#core/units';
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

  it('tells a fact of an unknown kind by its type, and leaves none out', () => {
    const unknown = { stream: 'mesh-1', type: 'MeshDeployed', data: {}, metadata } as const;
    expect(timelineLine(unknown, start)).toMatchObject({ title: 'MeshDeployed', group: 'driver' });
    // A type that is a member of every object must not be taken for a known one.
    expect(groupOf({ stream: 'migration-a', type: 'toString' })).toBe('driver');
  });
});
