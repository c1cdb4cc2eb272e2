import { describe, expect, it } from 'vitest';
import { enabling, summarize } from './summary.ts';

const skipped = (name: string, ...needs: string[]) => ({ name, needs });
const clean = { inCi: false, red: [] };
const inCi = { inCi: true, red: [] };

describe('the end of a run', () => {
  it('is the counts, and nothing else when nothing was skipped', () => {
    expect(summarize({ passed: 3, failed: 0, skipped: [] }, clean)).toEqual({
      lines: ['3 passed, 0 failed, 0 skipped'],
      passed: true,
    });
  });

  it('lists what was skipped by reason, and the one command that enables it', () => {
    const outcome = {
      passed: 1,
      failed: 0,
      skipped: [
        skipped('nbd.test.ts > a disk (needs qemu-nbd) > reads', 'qemu-nbd'),
        skipped('nbd.test.ts > a disk (needs qemu-nbd) > writes', 'qemu-nbd'),
        skipped('copy.test.ts > copies (needs nbdcopy)', 'nbdcopy'),
        skipped('copy.test.ts > later'),
      ],
    };
    expect(summarize(outcome, clean).lines).toEqual([
      'skipped (4):',
      '  needs qemu-nbd',
      '    nbd.test.ts > a disk (2 tests)',
      '  needs nbdcopy',
      '    copy.test.ts > copies',
      '  no reason given in the name: it should say (needs ...)',
      '    copy.test.ts > later',
      'to run what was skipped: sudo apt-get install --yes --no-install-recommends libnbd-bin qemu-utils && npm test',
      '1 passed, 0 failed, 4 skipped',
    ]);
  });

  it('is red for a failed test, and for a failed check that was counted as one', () => {
    expect(summarize({ passed: 1, failed: 1, skipped: [] }, clean).passed).toBe(false);
    expect(summarize({ passed: 1, failed: 1, skipped: [] }, { inCi: false, red: ['check'] }).lines[0]).toBe(
      'failed: npm run check (its output is above)',
    );
  });

  it('is red when no test ran', () => {
    expect(summarize({ passed: 0, failed: 0, skipped: [] }, clean).passed).toBe(false);
  });

  it('forgives in CI the one skip that cannot be helped there', () => {
    const outcome = { passed: 1, failed: 0, skipped: [skipped('contract', 'SEALIFT_EVENTSTOREDB')] };
    expect(summarize(outcome, inCi).passed).toBe(true);
    expect(summarize(outcome, inCi).lines).toContain(
      "to run what was skipped: SEALIFT_EVENTSTOREDB='esdb://localhost:2113?tls=false' npm test",
    );
  });

  it.each([
    ['a missing program', skipped('nbd', 'qemu-nbd')],
    ['no reason', skipped('later')],
    ['an excused need and another', skipped('both', 'SEALIFT_EVENTSTOREDB', 'qemu-nbd')],
  ])('fails in CI on a skip for %s', (_, test) => {
    const { lines, passed } = summarize({ passed: 9, failed: 0, skipped: [test] }, inCi);
    expect(passed).toBe(false);
    expect(lines).toContain(`not allowed to be skipped in CI: ${test.name}`);
  });
});

describe('the command that enables what was skipped', () => {
  it('is one line for packages and variables together, each once', () => {
    expect(enabling(['qemu-img', 'qemu-nbd', 'SEALIFT_EVENTSTOREDB', 'linux-kernel', 'nbdkit'])).toBe(
      "sudo apt-get install --yes --no-install-recommends linux-image-cloud-amd64 nbdkit qemu-utils && SEALIFT_EVENTSTOREDB='esdb://localhost:2113?tls=false' npm test",
    );
  });

  it('is not there when nothing would help', () => {
    expect(enabling([])).toBeUndefined();
  });
});
