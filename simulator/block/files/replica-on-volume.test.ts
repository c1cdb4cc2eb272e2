import { describe, expect, it } from 'vitest';
import { extent } from '#core/disk/extent';
import { diskId } from '#core/ids';
import { ok, type Result } from '#core/result';
import { bytes, instant, round, type Ratio } from '#core/units';
import type { Files } from '#replicator/disk/files';
import { digestBlockWith, digestsOf, grain } from '#replicator/pipeline/digest';
import { digestStore, pagesInMemory } from '#replicator/pipeline/digest-store';
import type { ReplicationError, RoundMode } from '#replicator/pipeline/replication';
import { openReplicaAt } from '#replicator/receiver/replica-place';
import type { Replica } from '#replicator/receiver/replica';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { valueOf } from '#test/support/value-of';
import { simulatedVolume, type SimulatedVolume } from './volume.ts';

/*
 * The real journal and the real replica on a disk that loses what was not synced. Power fails at every single step, and
 * again now and then; the sender goes on from what it was told, and nothing it was told may be untrue.
 */

const blocks = 6;
// The last block is short, as on real disks.
const size = (blocks - 1) * grain + 1_536;
const rangeOf = (block: number) => extent(block * grain, Math.min(grain, size - block * grain));
const digestBlock = digestBlockWith('xxh64');
const target = '/data/disk.raw';

/** The rounds, each with its source: a letter that fills each block, a dot for a hole; and what changed since the last. */
const rounds: readonly { readonly mode: RoundMode; readonly source: string; readonly dirty: readonly number[] }[] = [
  { mode: 'full', source: 'ab.c.d', dirty: [0, 1, 2, 3, 4, 5] },
  { mode: 'changes', source: 'eb.cf.', dirty: [0, 4, 5] },
  { mode: 'rescan', source: 'eb.gh.', dirty: [0, 1, 2, 3, 4, 5] },
];
const contentOf = (source: string, block: number): Uint8Array =>
  Buffer.alloc(rangeOf(block).length, source[block] === '.' ? 0 : source[block]);

function rootOf(source: string): string {
  const digests = digestStore(size, pagesInMemory());
  for (let block = 0; block < blocks; block += 1)
    valueOf(digests.put(block, digestsOf(contentOf(source, block), digestBlock)));
  return valueOf(digests.root());
}
const roots = rounds.map(({ source }) => rootOf(source));

/** What a sender was told. It outlives every crash of the receiver. */
interface Sender {
  /** The round it is in: all before it were said to be complete. */
  round: number;
  /** Blocks of that round that were said to be durable. */
  readonly acked: Set<number>;
}

/** Checks that what the sender was told is so. */
type Check = (sender: Sender, settled: ReadonlySet<number>) => void;

const opening = (files: Files): ReturnType<typeof openReplicaAt> =>
  openReplicaAt({
    target,
    records: target,
    session: 'm-1',
    disk: diskId('vda'),
    size: bytes(size),
    digest: 'xxh64',
    overwrite: false,
    files,
  });

async function runRound(replica: Replica, sender: Sender, check: Check): Promise<Result<unknown, ReplicationError>> {
  const { mode, source, dirty } = rounds[sender.round] ?? { mode: 'full', source: '', dirty: [] };
  const started = await replica.begin(round(sender.round), mode, instant(1_000));
  if (!started.ok) return started;
  if (started.value.type === 'Complete') return ok(expect(started.value.root).toBe(roots[sender.round]));
  const settled = new Set<number>();
  for (let block = 0; block < blocks; block += 1) if (replica.settled(rangeOf(block)).length > 0) settled.add(block);
  check(sender, settled);
  let batch: number[] = [];
  for (const block of dirty) {
    if (settled.has(block)) continue;
    const sent = await sendBlock(replica, mode, block, contentOf(source, block));
    if (!sent.ok) return sent;
    batch.push(block);
    if (batch.length < 2) continue;
    const committed = await replica.commit();
    if (!committed.ok) return committed;
    for (const done of batch) sender.acked.add(done);
    batch = [];
  }
  return replica.complete(roots[sender.round]);
}

async function sendBlock(
  replica: Replica,
  mode: RoundMode,
  block: number,
  content: Uint8Array,
): Promise<Result<unknown, ReplicationError>> {
  const range = rangeOf(block);
  const digests = digestsOf(content, digestBlock);
  if (mode === 'rescan') {
    const there = await replica.reread(range);
    if (!there.ok) return there;
    if (there.value[0] === digests[0]) return ok(replica.same(range));
  }
  return content[0] === 0 ? replica.zero(range) : replica.write(range.start, digests, content);
}

/** Goes through all rounds, opening the replica again whenever something failed. */
async function replicate(files: Files, sender: Sender, check: Check, mayFail: boolean): Promise<void> {
  while (sender.round < rounds.length) {
    const opened = await opening(files);
    if (!opened.ok && mayFail) continue;
    const replica = valueOf(opened);
    for (let outcome: Result<unknown, ReplicationError> = ok(undefined); outcome.ok && sender.round < rounds.length;) {
      outcome = await runRound(replica, sender, check);
      if (outcome.ok) {
        sender.round += 1;
        sender.acked.clear();
      } else if (!mayFail) throw new Error(`round ${sender.round}: ${JSON.stringify(outcome.error)}`);
    }
    await replica.close();
  }
}

/** What ends the receiver besides its own end: power, or only its process, so that the page cache stays. */
type Fate = 'power' | 'kill';

/** Syncs that fail until the last start of the receiver. */
interface FailingSyncs {
  readonly rate: Ratio;
  readonly of: (path: string) => boolean;
}

/** Runs all rounds through ends of the receiver at the given steps, counted from each start. Returns the steps without. */
async function through(
  seed: number,
  crashes: readonly number[],
  { syncs, fateOf = () => 'power' }: { readonly syncs?: FailingSyncs; readonly fateOf?: () => Fate } = {},
): Promise<number> {
  const clock = virtualClock({ turn: () => new Promise((resolve) => setImmediate(resolve)) });
  let steps = 0;
  let crashAt = Infinity;
  let crashed = (): void => undefined;
  let receiver = simulatedProcess('receiver');
  const volume: SimulatedVolume = simulatedVolume({
    rng: seededRng(seed).fork('volume'),
    clock: {
      now: () => clock.now(),
      schedule: (at, act) =>
        clock.schedule(at, () => {
          steps += 1;
          if (steps < crashAt) return act();
          if (fateOf() === 'power') volume.crash();
          else receiver.kill();
          crashed();
        }),
    },
  });
  volume.placeDirectory('/data');
  const sender: Sender = { round: 0, acked: new Set() };
  const check: Check = ({ round: number, acked }, settled) => {
    expect(
      [...acked].filter((block) => !settled.has(block)),
      'acked, and not durable',
    ).toEqual([]);
    const content = volume.content(target);
    for (const block of settled) {
      const { start, length } = rangeOf(block);
      const there = Buffer.from(content ?? []).subarray(start, start + length);
      const due = contentOf(rounds[number]?.source ?? '', block);
      expect(Buffer.compare(there, due), `block ${block} of round ${number} is not what was sent`).toBe(0);
    }
  };
  for (const crash of [...crashes, Infinity]) {
    steps = 0;
    crashAt = crash;
    const end = new Promise<void>((resolve) => (crashed = resolve));
    receiver = simulatedProcess('receiver');
    const files = volume.files(receiver);
    const heal = syncs && crash < Infinity ? volume.fail('sync', syncs) : undefined;
    await clock.run(Promise.race([replicate(files, sender, check, heal !== undefined), end]));
    heal?.();
  }
  const stepsInAll = steps;
  crashAt = Infinity;
  volume.crash();
  const last = rounds.length - 1;
  const expected = Buffer.concat(
    Array.from({ length: blocks }, (_, block) => contentOf(rounds[last]?.source ?? '', block)),
  );
  expect(Buffer.compare(Buffer.from(volume.content(target) ?? []), expected)).toBe(0);
  await clock.run(
    (async () => {
      const replica = valueOf(await opening(volume.files(simulatedProcess('receiver'))));
      const started = valueOf(await replica.begin(round(last), 'rescan', instant(1_000)));
      expect(started).toMatchObject({ type: 'Complete', root: roots[last] });
      await replica.close();
    })(),
  );
  return stepsInAll;
}
describe('a replica on a disk that loses what was not synced', () => {
  it('has all that was acked, wherever power fails, and takes the rest again', async () => {
    const steps = await through(0, []);
    expect(steps).toBeGreaterThan(50);
    for (let step = 1; step <= steps; step += 1) await through(step, [step]);
  });

  it('has all that was acked, when power fails again and again', async () => {
    for (let seed = 0; seed < 80; seed += 1) {
      const rng = seededRng(seed).fork('crashes');
      await through(
        seed,
        Array.from({ length: rng.between(2, 8) }, () => rng.between(1, 80)),
      );
    }
  });

  const syncsFail: readonly [what: string, of: FailingSyncs['of']][] = [
    ['its records', (path) => path !== target],
    ['its disk', (path) => path === target],
    ['anything', () => true],
  ];
  for (const [what, of] of syncsFail)
    it(`has all that was acked, when syncs of ${what} fail, its process dies, and power fails`, async () => {
      for (let seed = 0; seed < 80; seed += 1) {
        const rng = seededRng(seed).fork('crashes');
        const crashes = Array.from({ length: rng.between(1, 4) }, () => rng.between(20, 150));
        const fateOf = (): Fate => rng.pick(['power', 'kill']);
        await through(seed, crashes, { syncs: { rate: { numerator: 1, denominator: 6 }, of }, fateOf });
      }
    });
});
