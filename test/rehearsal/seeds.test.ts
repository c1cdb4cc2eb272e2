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
  '{ type: linkDown, link: wan, every: 1 h, calm: 10 min, lasts: 4 min, flaps: { period: 30 s } }',
  '{ type: linkSlow, every: 40 min, lasts: 20 min }',
  '{ type: linkLossy, every: 40 min, lasts: 20 min, loss: 3 % }',
  '{ type: sitePartitioned, on: { fact: SourceQuiesced, after: 2 s }, atMost: 2, lasts: 3 min }',
  '{ type: gatewayCrashed, every: 1 h, lasts: 1 min }',
  '{ type: receiverCrashed, on: { fact: RoundCompleted }, atMost: 3, lasts: 1 min }',
  '{ type: sentinelLost, every: 50 min, lasts: 2 min }',
  '{ type: grayFailure, share: 50 %, at: 5 min, lasts: 1 h }',
  '{ type: hostDown, host: hyperv-02, every: 1 h, lasts: 7 min, atMost: 5 }',
  '{ type: hostDown, host: kvm-01, on: { fact: SourceFenced, after: 1 s }, lasts: 7 min, atMost: 2 }',
  '{ type: datastoreFull, datastore: silver, every: 1 h, lasts: 20 min }',
  '{ type: managerCrash, every: 20 min, lasts: 1 min }',
  '{ type: managerCrash, on: { fact: EffectRequested, after: 1 s }, atMost: 20, lasts: 20 s }',
  '{ type: fixUpFailed, chance: 30 % }',
  '{ type: bootFailed, chance: 30 % }',
  '{ type: snapshotFailed, chance: 20 %, times: 5 }',
];

const scenarioWith = (chosen: readonly string[]) =>
  rehearsalFrom(`
kind: rehearsal
id: seeds
title: Whatever happens
why: No seed and no mix of faults may break a law.
estate:
  generate: { vms: 4, hosts: 3, diskSize: 20 GiB, writes: 4 MiB/s }
  gateway: { cores: 2 }
  datastores: [{ name: gold, write: 200 MB/s, capacity: 1 TiB }, { name: silver, write: 80 MB/s, capacity: 60 GiB }]
  vcenter: { tasks: 1 }
wave:
  id: seeds
  window: { opens: 1 h, closes: 2 h 30 min }
  limits: { replicating: 3, cuttingOver: 2 }
plan: { approval: requiredByAnother, testLaunch: required, quiesce: { onRefusal: force }, onValidationFailure: ask }
operators: { approve: {}, judgeTest: {}, blocked: {}, undecided: {}, undecidable: {}, finalize: {}, stalled: {}, failed: {}, late: {} }
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
      { numRuns: 12 },
    ));
});
