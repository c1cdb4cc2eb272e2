import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lawsBroken } from './laws.ts';
import { rehearsalFrom, rehearsed } from './rehearsed.ts';

const faults = [
  '{ type: checkFailed, chance: 40 % }',
  '{ type: quiesceRefused, chance: 30 %, times: 2 }',
  '{ type: quiesceRefused, manner: ignored, chance: 20 % }',
  '{ type: launchFailed, chance: 30 % }',
  '{ type: launchFailed, step: test, chance: 50 % }',
  '{ type: validationFailed, chance: 30 % }',
  '{ type: answerLost, chance: 40 %, times: 4, effects: [initiateReplication, quiesceSource, fenceSource, launchTarget, connectTarget, rollBack, retireSource] }',
  '{ type: answerLost, chance: 20 %, found: notAtAll, effects: [fixUpReplica, launchTarget] }',
  '{ type: trackingLost, chance: 30 %, times: 3 }',
  '{ type: linkDown, link: wan, at: 9 min, lasts: 90 s }',
  '{ type: linkDown, link: wan, at: 65 min, lasts: 5 min }',
];

const scenarioWith = (chosen: readonly string[]) =>
  rehearsalFrom(`
kind: rehearsal
id: seeds
title: Whatever happens
why: No seed and no mix of faults may break a law.
estate:
  generate: { vms: 4, hosts: 3, diskSize: 20 GiB, writes: 4 MiB/s }
wave:
  id: seeds
  window: { opens: 1 h, closes: 2 h 30 min }
  limits: { replicating: 3, cuttingOver: 2 }
plan: { approval: requiredByAnother, testLaunch: required, quiesce: { onRefusal: force }, onValidationFailure: ask }
operators: { approve: {}, judgeTest: {}, blocked: {}, undecided: {}, undecidable: {}, finalize: {} }
faults: [${chosen.join(', ')}]
`);

describe('whatever the seed and the faults', () => {
  it('a rehearsal ends, keeps the laws, and never runs both sides at once', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), fc.subarray(faults), async (seed, chosen) => {
        const both: string[] = [];
        const { summary, facts } = await rehearsed(scenarioWith(chosen), {
          seed,
          watch: ({ world, members }) =>
            both.push(
              ...members.filter((vm) => {
                const { source, target } = world.look(vm);
                return source.power === 'running' && source.connected && target.connected;
              }),
            ),
        });
        expect(summary.ending).toEqual({ type: 'finished' });
        expect(lawsBroken(facts)).toEqual([]);
        expect(both).toEqual([]);
        for (const { lifecycle } of summary.members)
          expect(lifecycle).toMatch(/^(finalized|rolledBack|protected|ready|blocked|failed)$/);
      }),
      { numRuns: 4 },
    ));
});
