import { expect, it } from 'vitest';
import { position, revision, type RecordedFact } from '#core/event-log/event-log';
import { entryOf, judgeLog } from '#core/laws/judge';
import { laws } from '#core/laws/laws';
import type { MigrationFact } from '#core/migration/facts';
import { factId } from '#core/ids';
import { instant, millis, seconds } from '#core/units';
import { drafted, line } from '#test/support/law-logs';
import { sampleFault, sampleSpec, sampleVm } from '#test/support/block-specs';
import { heldOutcome } from '#test/support/planted-runs';
import { failuresOf } from './failure.ts';
import { storyOf } from './story.ts';

const factsOf = (facts: readonly (readonly [at: number, fact: MigrationFact])[]): readonly RecordedFact[] =>
  facts.map(([at, { type, data }], i) => ({
    id: factId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`),
    stream: 'migration-vm-1',
    revision: revision(i),
    position: position(i + 1),
    type,
    data,
    metadata: {
      ...{ time: instant(at * 1_000), actor: 'world', correlationId: 'w', schemaVersion: 1, previousHash: '0' },
      model: { id: 'migration', version: '1' },
    },
  }));

const facts = factsOf([
  [1_000, drafted().fact as MigrationFact],
  [
    1_060,
    line('TrackingLost', { disks: [], reason: { type: 'QemuDied', detail: 'the process is gone' } })
      .fact as MigrationFact,
  ],
  [1_090, line('SourceFenced', { vm: 'vm-1' }).fact as MigrationFact],
  [9_999, line('TargetLaunched', { vm: 'target' }).fact as MigrationFact],
]);
const again = { commit: 'commit 0123abc', command: 'sealift check bank-weekend --seed 41' };
const spec = sampleSpec({
  seed: 41,
  vms: [sampleVm('vm-1', { via: 'sentinel', application: 'shop', guest: 'debian' })],
  faults: [
    sampleFault('linkCut', 30_000, { lasts: seconds(12) }),
    sampleFault('hypervisorKilled', 0, {
      vm: 'vm-1',
      at: { type: 'fact', vm: 'vm-1', fact: 'TrackingLost', nth: 1 },
      lasts: millis(500),
    }),
    sampleFault('bootFailed', 0, { vm: 'vm-1', at: { type: 'fact', vm: 'vm-1', fact: 'SourceQuiesced', nth: 2 } }),
  ],
});

it('a story says what there is, what struck and what came of it until the law was broken, and how to see it again', () => {
  const breaches = judgeLog(laws, facts.map(entryOf), { isOver: false }).filter(({ law }) => law === 'L2');
  const outcome = { ...heldOutcome, ending: 'broken', breaches, facts } as const;
  const [failure] = failuresOf(outcome, true);
  if (!failure) throw new Error('the law is not broken');
  expect(storyOf({ spec, outcome, failure, laws, again })).toMatchInlineSnapshot(`
    [
      "L2 source-untouched is broken, seed 41",
      "",
      "A wave of 1 VM:",
      "  vm-1: a Debian guest on KVM, disk-0 of 1.00 MiB, read by its sentinel, 10 writes a minute, a part of shop",
      "Its window is open from +30 m 00 s to +4 h 00 m; at most 4 replicate and 2 cut over at a time, with at most 2 m 00 s for a final sync.",
      "The way back is given up afterwards. From +3 h 00 m on nothing goes wrong any more, and all have 6 h 00 m to come to an end.",
      "",
      "What happened:",
      "  +0 ms         vm-1: Migration of web-01 drafted: 1 disk, 10.0 GiB, from qmp+unix:///run/web-01.sock to file:///replicas/web-01",
      "  +30.0 s     ! linkCut for 12.0 s: Every connection between the sites is reset, and none can be made until the time is over.",
      "  +1 m 00 s   ! hypervisorKilled of vm-1 for 500 ms, with the first TrackingLost of vm-1: The process that runs the source dies with its guest, its unflushed writes and all it tracked in memory; it is started again when the time is over.",
      "  +1 m 00 s     vm-1: Change tracking lost on undefined",
      "  +1 m 30 s     vm-1: Source fenced",
      "  (1 fault did not strike: what they wait for did not happen)",
      "",
      "The law L2 source-untouched: No power or NIC operation reaches the source before the approved cutover.",
      "Without it: VMs were shut down before their snapshot although the cutover was switched off.",
      "It is broken by fact 2 of migration-vm-1, SourceFenced, after 1 m 30 s: the source was fenced, and no cutover is under way",
      "",
      "See it again with commit 0123abc: sealift check bank-weekend --seed 41",
    ]
  `);
});

it('of those who did not come to an end says where they stand, and of a crash what was said', () => {
  const stuck = { ...heldOutcome, ending: 'notLive', stuck: [{ vm: 'vm-1', where: 'cuttingOver.fencing' }] } as const;
  const told = storyOf({ spec, outcome: stuck, failure: { type: 'notLive' }, laws, again });
  expect(told).toContain('  vm-1: cuttingOver.fencing');
  const crashed = { ...heldOutcome, ending: 'crashed', crash: 'no round 3 in vm-1' } as const;
  const [failure] = failuresOf(crashed, true);
  expect(failure).toEqual({ type: 'crashed', shape: 'no round * in *' });
  if (failure) expect(storyOf({ spec, outcome: crashed, failure, laws, again })).toContain('no round 3 in vm-1');
});
