import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectFiles } from '#test/support/tree';
import { collectSometimes, sometimes } from './sometimes.ts';
import { sometimesLabels } from './sometimes-labels.ts';

describe('what sometimes happens', () => {
  it('is counted while somebody collects, and forgotten otherwise', () => {
    sometimes('driver: an answer was lost');
    const first = collectSometimes();
    expect(first.seen().size).toBe(0);
    sometimes('driver: an answer was lost');
    sometimes('driver: an answer was lost');
    const second = collectSometimes();
    sometimes('driver: refused a command');
    first.stop();
    sometimes('driver: refused a command');
    second.stop();
    sometimes('driver: refused a command');
    expect([...first.seen()]).toEqual([['driver: an answer was lost', 2]]);
    expect([...second.seen()]).toEqual([['driver: refused a command', 2]]);
  });

  it('is said at one place of the code each', () => {
    const code = projectFiles()
      .filter((file) => /^(core|replicator)\/.*\.ts$/.test(file) && !/\.test\.ts$|sometimes/.test(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('\n');
    expect(sometimesLabels.length).toBeGreaterThanOrEqual(20);
    expect(sometimesLabels.filter((label) => code.split(`sometimes('${label}')`).length !== 2)).toEqual([]);
  });
});
