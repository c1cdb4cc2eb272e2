import { describe, expect, it } from 'vitest';
import { assumptionsWith, defaultAssumptions } from '#simulator/flow/assumptions';
import { describeScenarioError, loadScenario } from './load.ts';

const scenario = (assumptions: string) =>
  loadScenario(
    `
kind: rehearsal
id: assumed
title: Assumed otherwise
why: To say what else may hold.
estate: { generate: { vms: 1 } }
wave: { id: assumed, window: { opens: 1 h, closes: 2 h } }
assumptions: ${assumptions}
`,
    'a.yaml',
  );
const assumptionsOf = (text: string) => {
  const loaded = scenario(text);
  if (!loaded.ok || loaded.value.kind !== 'rehearsal') throw new Error('not a rehearsal');
  return assumptionsWith(loaded.value.assumptions);
};
const mistakesOf = (text: string): readonly string[] => {
  const loaded = scenario(text);
  return loaded.ok ? [] : describeScenarioError(loaded.error).split('\n');
};

describe('the assumptions of a scenario', () => {
  it('are the defaults where it says nothing', () => expect(assumptionsOf('{}')).toEqual(defaultAssumptions));

  it('are set with units, each by itself', () => {
    const { target, rounds, streams, limits } = assumptionsOf(
      '{ target: { powerOn: 500 ms to 1 min 30 s, connect: 3 s }, rounds: { zero: 25 %, grain: 1 MiB }, streams: { diskMax: 20 MB/s, connections: 2 }, limits: { roundTripMax: 1 s } }',
    );
    expect(target).toEqual({ ...defaultAssumptions.target, powerOn: [0.5, 90], connect: [3, 3] });
    expect(rounds).toMatchObject({ zero: { numerator: 250_000, denominator: 1_000_000 }, grain: 2 ** 20 });
    expect([streams.diskMax, streams.connections, limits.roundTripMax]).toEqual([20_000_000, 2, 1_000]);
  });

  it('are refused with what is allowed, and the nearest right word', () => {
    const [misspelt, endless, backwards, none, fraction] = mistakesOf(`
  guests: { rhel-9: { bott: 5 s } }
  streams: { diskMax: 0 MB/s, connections: 1.5 }
  target: { powerOn: 9 s to 3 s, clone: soon }`);
    expect(misspelt).toBe('a.yaml:9:23: assumptions.guests.rhel-9.bott is not known here; did you mean boot?');
    expect(endless).toMatch(/diskMax must be above zero/);
    expect(backwards).toMatch(/connections must be a whole number from 1 on, but is 1.5/);
    expect(none).toMatch(/powerOn is out of range; it must be a time from and to such as "5 s to 20 s"/);
    expect(fraction).toMatch(/clone must be a time from and to .* but is "soon"/);
  });
});
