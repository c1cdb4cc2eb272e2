import { describe, expect, it } from 'vitest';
import { diskId } from '#core/ids';
import type { FactText } from '#core/text/fact-text';
import { bytes, bytesPerSecond, GiB, instant, MiB, round, seconds } from '#core/units';
import type { Check, MigrationFact, RoundReport } from './facts.ts';
import { describeFact, factGroups } from './timeline.ts';

const report: RoundReport = {
  round: round(3),
  kind: 'delta',
  planned: bytes(300 * MiB),
  sent: bytes(256 * MiB),
  zeroed: bytes(44 * MiB),
  resumed: bytes(0),
  duration: seconds(2),
  rate: bytesPerSecond(128 * MiB),
  dirty: bytes(12 * MiB),
  disks: [],
};
const passed: Check = { id: 'source-reachable', verdict: 'passed', message: 'the source answers', remedy: '' };
const failed: Check = {
  id: 'space',
  verdict: 'failed',
  message: 'datastore ds1 is full',
  remedy: 'free 40 GiB on ds1',
};
const warned: Check = { id: 'tools', verdict: 'warning', message: 'no guest agent', remedy: 'install it' };

describe('describeFact', () => {
  it('tells a round by what it moved and what it left', () =>
    expect(describeFact({ type: 'RoundCompleted', data: report })).toEqual({
      title: 'Delta sync completed (round 3)',
      detail: '256 MiB sent in 2.0 s, 128 MiB/s, 44.0 MiB zero, 12.0 MiB dirty now',
      severity: 'step',
    }));

  it('names what failed before what only warned', () =>
    expect(describeFact({ type: 'VerificationFailed', data: { checks: [warned, passed, failed] } })).toMatchObject({
      detail: '2 of 3 checks did not pass: datastore ds1 is full; no guest agent',
      severity: 'failure',
    }));

  it('says when changes are not tracked', () =>
    expect(
      describeFact({
        type: 'ReplicationInitiated',
        data: {
          disks: [
            { disk: diskId('vda'), tracked: true },
            { disk: diskId('vdb'), tracked: false },
          ],
        },
      }),
    ).toMatchObject({ detail: 'without change tracking on vdb', severity: 'warning' }));

  it('never reads as finished while it is not', () =>
    expect(
      describeFact({
        type: 'RoundProgressed',
        data: { round: round(0), done: bytes(64 * GiB - 1), total: bytes(64 * GiB), sent: bytes(0) },
      }).title,
    ).toBe('Round 0 at 99.9 %'));

  it('tells an empty round without dividing by it', () =>
    expect(
      describeFact({
        type: 'RoundProgressed',
        data: { round: round(4), done: bytes(0), total: bytes(0), sent: bytes(0) },
      }).title,
    ).toBe('Round 4 at 100 %'));

  it.each(Object.keys(factGroups))('has words for %s', (type) => {
    const data = {
      plan: { vm: { name: 'web-01' }, disks: [], source: 'a', target: 'b' },
      reason: { type: 'Any', detail: 'why' },
      ...report,
      checks: [passed],
      findings: [passed],
      edits: [],
      ...{ title: 'Inspect', state: 'done', attempt: 1, nextAttempt: null },
      ...{ text: 'login:', vm: 'web-01', stage: 'target' },
      ...{ hostname: 'web-01', system: 'Debian', firmware: 'bios', nics: [], services: [] },
      networks: ['prod'],
      removed: ['bitmap'],
      effect: 'quiesceSource',
      timer: 'refresh',
      endpoint: 'receiver',
      disk: 'vda',
    };
    const { title } = describeFact({ type, data } as unknown as MigrationFact);
    expect(title).not.toMatch(/undefined|^$/);
  });

  it('tells which attempt an item of a step is at, and when the next one comes', () =>
    expect(
      describeFact({
        type: 'StepReported',
        data: {
          ...{ step: 'launchTarget', item: 'boot', title: 'Boot web-01', state: 'retrying', detail: 'no answer' },
          ...{ attempt: 2, nextAttempt: instant(Date.parse('2026-03-07T20:10:00Z')) },
        },
      }),
    ).toEqual({
      title: 'Boot web-01 (attempt 2): retrying',
      detail: 'no answer; tried again at 2026-03-07 20:10:00Z',
      severity: 'warning',
    }));

  it('tells a console by the last line that says anything', () => {
    const said = (text: string): FactText =>
      describeFact({ type: 'ConsoleCaptured', data: { vm: 'web-01', stage: 'test', text } });
    expect(said('old\r\n\u001B[1m(initramfs) \u001B[0m\r\n\r\n')).toMatchObject({
      title: 'Console of web-01 captured (test)',
      detail: '(initramfs)',
    });
    expect(said('').detail).toBe('it said nothing');
    expect(said(`login:\n${'x'.repeat(9_000)}`).detail).toBe(`${'x'.repeat(120)}…`);
  });

  it('says how long a quiesce that timed out matters', () =>
    expect(describeFact({ type: 'DeadlinePassed', data: { timer: 'quiesce' } }).severity).toBe('warning'));

  it('counts downtime in words an operator looks for', () => {
    expect(describeFact({ type: 'SourceQuiesced', data: { method: 'guest stopped', found: 'running' } }).detail).toBe(
      'guest stopped; found running. Downtime runs',
    );
    expect(describeFact({ type: 'TargetValidated', data: { checks: [passed] } }).detail).toBe(
      '1 check passed. Downtime is over',
    );
  });
});
