import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { outcomeVariable } from './outcome.ts';

const suites = {
  'mixed.test.js': `
    import { describe, expect, it } from 'vitest';
    it('passes', () => expect(1).toBe(1));
    it('fails', () => expect(1).toBe(2));
    describe.skip('a disk (needs nbdkit, qemu-img)', () => it('is read', () => {}));
    it('gives its reason late', ({ skip }) => skip('(needs chromium)'));
    it.skip('gives no reason', () => {});`,
  'broken.test.js': `import './not-there.js';`,
  'hook.test.js': `
    import { beforeAll, it } from 'vitest';
    beforeAll(() => { throw new Error('no'); });
    it('never runs', () => {});`,
};

it('the reporter hands over every count, every skip with its needs, and what broke outside of tests', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sealift-outcome-'));
  try {
    for (const [name, code] of Object.entries(suites)) await writeFile(join(root, name), code);
    const reporter = resolve('test/support/outcome-reporter.ts');
    await writeFile(
      join(root, 'vitest.config.ts'),
      `import { outcomeReporter } from ${JSON.stringify(reporter)};\nexport default { test: { reporters: [outcomeReporter()] } };\n`,
    );
    await vitestIn(root, join(root, 'outcome.json'));
    const outcome = JSON.parse(await readFile(join(root, 'outcome.json'), 'utf8')) as { skipped: { name: string }[] };
    outcome.skipped.sort((a, b) => a.name.localeCompare(b.name));
    expect(outcome).toEqual({
      passed: 1,
      // The test, the file that does not load, and the hook.
      failed: 3,
      skipped: [
        { name: 'hook.test.js > never runs', needs: [] },
        { name: 'mixed.test.js > a disk (needs nbdkit, qemu-img) > is read', needs: ['nbdkit', 'qemu-img'] },
        { name: 'mixed.test.js > gives its reason late', needs: ['chromium'] },
        { name: 'mixed.test.js > gives no reason', needs: [] },
      ],
    });
  } finally {
    await rm(root, { recursive: true });
  }
  // It is a whole run of vitest, three files of it.
}, 120_000);

function vitestIn(root: string, outcome: string): Promise<void> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [resolve('node_modules/vitest/vitest.mjs'), 'run', '--root', root],
      { cwd: root, env: { ...process.env, [outcomeVariable]: outcome } },
      () => done(), // Red by design; the outcome file is what is judged.
    );
  });
}
