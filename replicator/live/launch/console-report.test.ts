import { describe, expect, it } from 'vitest';
import { reportLine, type StageReport } from '#replicator/sentinel/stage/stage-report';
import { bootFailureIn, consoleTail, reportIn } from './console-report.ts';

const report: StageReport = {
  ...{ stage: 'target', migration: 'web', booted: true },
  checks: [{ id: 'booted', verdict: 'passed', message: 'systemd is running', remedy: '' }],
};
const wanted = { stage: 'target', migration: 'web' } as const;

describe('the report on a console', () => {
  it('is the last whole one of this migration and stage, between whatever else is said', () => {
    const later = { ...report, checks: [] };
    const console = [
      '[    1.0] Linux version 6.1',
      reportLine(report),
      reportLine({ ...report, migration: 'other' }),
      reportLine({ ...report, stage: 'test' }),
      `login: ${reportLine(later)}`,
      `${reportLine(report).slice(0, 60)}[    9.0] something of the kernel`,
    ].join('\r\n');
    expect(reportIn(console, wanted)).toEqual(later);
  });

  it.each(['', 'SEALIFT-REPORT ', 'SEALIFT-REPORT {}', 'SEALIFT-REPORT [1]', 'SEALIFT-REPORT {"stage":"target"'])(
    'is none in %j',
    (console) => expect(reportIn(console, wanted)).toBeUndefined(),
  );
});

describe('a console', () => {
  it.each([
    ['ALERT!  UUID=0c1d does not exist.  Dropping to a shell!', 'has no driver for the disk'],
    ['Kernel panic - not syncing: VFS: Unable to mount root fs', 'the kernel stopped'],
    ['Begin: Running /scripts/local-block ... done.\n(initramfs) ', 'the initramfs stopped'],
  ])('says why a guest will not come up: %s', (console, why) => expect(bootFailureIn(console)).toContain(why));

  it('says nothing of a guest that boots', () =>
    expect(bootFailureIn('Debian GNU/Linux 12 web ttyS0\n\nweb login: ')).toBeUndefined());

  it('is kept from its end, without what terminals are told', () => {
    expect(consoleTail('\u001B[0;32m  OK  \u001B[0m started\r\n')).toBe('  OK   started\n');
    expect(consoleTail(`old${'x'.repeat(20_000)}new`)).toMatch(/^x+new$/);
  });
});
