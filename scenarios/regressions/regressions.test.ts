import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laws } from '#core/laws/laws';
import { describeScenarioError, loadScenario } from '#scenarios/load';
import type { CheckScenario } from '#scenarios/check-scenario';
import { failuresOf } from '#simulator/search/failure';
import { storyOf } from '#simulator/search/story';
import { hasBlockWorld, loadRunBlock } from '#test/support/block-world';

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

function regression(name: string): CheckScenario {
  const loaded = loadScenario(readFileSync(join(folder, name), 'utf8'), name);
  if (!loaded.ok) throw new Error(describeScenarioError(loaded.error));
  if (loaded.value.kind !== 'check') throw new Error(`${name} is of kind ${loaded.value.kind}`);
  return loaded.value;
}

describe('worlds that failed once', () => {
  it('can all be read, are named as their files are, and have a world to run in', () => {
    expect(names.map((name) => `${regression(name).id}.yaml`)).toEqual(names);
    expect(names.length === 0 || hasBlockWorld()).toBe(true);
  });

  it.each(names)('%s does not fail any more', { timeout: 120_000 }, async (name) => {
    const { spec, demands } = regression(name);
    const runBlock = await loadRunBlock();
    const outcome = await runBlock(spec);
    const [failure] = failuresOf(outcome, demands === 'progress');
    const again = { commit: 'this checkout', command: `sealift check scenarios/regressions/${name}` };
    expect(failure ? storyOf({ spec, outcome, failure, laws, again }).join('\n') : 'it holds').toBe('it holds');
  });
});
