import { formatBytes, formatPlural, formatRate } from '#core/text/format';
import type { MigrationId } from '#core/ids';
import type { Rng } from '#core/rng';
import { bytes, bytesPerSecond, KiB, millis, ratio, type Bytes } from '#core/units';
import type { Estate, EstateHost, EstateLink, EstateVm } from '#simulator/estate/estate';
import { guestNames, guests, type GuestName } from '#simulator/estate/guest';
import type { WriteModel } from '#simulator/estate/write-model';
import { fittedWrites, writeSamples, type FittedWrites } from './fitted-writes.ts';
import { observedRates, quantile, type ObservedRates, type RateRange } from './observed-rates.ts';
import { factIn, type RecordedMigration, type RecordedRun } from './recorded-run.ts';

/** One thing that a log does not say outright and a forecast needs. */
export interface Inference {
  /** A migration, or `all`. */
  readonly of: MigrationId | 'all';
  readonly what: 'used' | 'speed' | 'writes' | 'guest' | 'shared' | 'steps' | 'faults' | 'people';
  readonly value: string;
  readonly from: string;
}

/** The estate behind a run, as far as its log tells; what it does not tell is drawn for each seed. */
export interface InferredEstate {
  readonly inferences: readonly Inference[];
  /** VMs are named by their migrations. */
  estate(rng: Rng): Estate;
}

/** Infers the estate of a run from its log. */
export function estateOfRun({ migrations }: Pick<RecordedRun, 'migrations'>): InferredEstate {
  const rates = observedRates(migrations);
  const usedShare = median(migrations.flatMap((migration) => shareOf(migration)));
  const known = migrations.map((migration) => {
    const used = usedOf(migration, usedShare);
    return { migration, used, fitted: fittedWrites(writeSamples(migration), used.value) };
  });
  const others = othersOf(known.flatMap(({ fitted }) => (fitted ? [fitted] : [])));
  const vms = known.map(({ migration, used, fitted }): InferredVm => ({
    migration,
    used,
    speed: speedOf(migration, rates),
    writes: fitted
      ? { ...fitted, from: `${formatPlural(fitted.samples, 'figure')} of its rounds` }
      : (others ?? assumedWrites(used.value)),
  }));
  return {
    inferences: [...vms.flatMap(inferencesOf), ...commonInferences(rates)],
    estate: (rng) => estateFrom(vms, rates, rng),
  };
}

interface InferredVm {
  readonly migration: RecordedMigration;
  readonly used: { readonly value: Bytes; readonly from: string };
  readonly speed: RateRange & { readonly from: string };
  readonly writes: Pick<FittedWrites, 'model' | 'low' | 'high'> & { readonly from: string };
}

const sizeOf = ({ plan }: RecordedMigration): number => plan.disks.reduce((sum, { size }) => sum + size, 0);

/** What the first round carries, if the log has it: all allocated bytes. */
function carried({ history }: RecordedMigration): { readonly value: Bytes; readonly from: string } | undefined {
  for (const recorded of history.toReversed()) {
    const fact = factIn(recorded);
    if (fact.type === 'RoundCompleted' && (fact.data.kind === 'full' || fact.data.kind === 'rescan'))
      return { value: fact.data.planned, from: `its ${fact.data.kind === 'full' ? 'full sync' : 'rescan'}` };
    if (fact.type === 'RoundProgressed' && fact.data.round === 0)
      return { value: fact.data.total, from: 'the progress of its full sync' };
  }
  return undefined;
}

function shareOf(migration: RecordedMigration): readonly number[] {
  const all = carried(migration);
  return all ? [all.value / sizeOf(migration)] : [];
}

function usedOf(migration: RecordedMigration, share: number | undefined): InferredVm['used'] {
  const all = carried(migration);
  if (all) return all;
  return {
    value: bytes(Math.floor(sizeOf(migration) * Math.min(1, share ?? 0.5))),
    from: share === undefined ? 'assumed: half of its disks' : 'the other VMs of the run: the same share of its disks',
  };
}

// A warm copy of one disk alone was published at 76.5 MB/s; a VM that nobody has seen is anywhere below that.
const diskMax = 76_500_000;

function speedOf({ id, plan }: RecordedMigration, { own, fastest }: ObservedRates): InferredVm['speed'] {
  const mine = own.get(id);
  if (mine) {
    const from = `${formatPlural(mine.stretches, 'stretch', 'stretches')} of its rounds`;
    return { ...widened(mine), from };
  }
  const most = plan.disks.length * diskMax;
  const seen = fastest.get(id);
  if (seen !== undefined) {
    const from = 'what it did beside others, up to 76.5 MB/s for a disk as published';
    return { low: seen, high: Math.max(seen, most), from };
  }
  const [low, high] = [median([...own.values()].map((rate) => rate.low)), median([...own.values()].map((r) => r.high))];
  if (low !== undefined && high !== undefined) return { ...widened({ low, high }), from: 'the other VMs of the run' };
  return {
    low: most / 2,
    high: most,
    from: 'assumed: no round has shown anything; 76.5 MB/s for a disk were published',
  };
}

// What was seen a few times is not all that can be.
const widened = ({ low, high }: RateRange): RateRange => ({ low: Math.min(low, high * 0.95), high: high * 1.05 });

const assumedWrites = (used: Bytes): InferredVm['writes'] => ({
  model: { rate: bytesPerSecond(512 * KiB), pattern: 'steady', workingSet: bytes(Math.floor(used / 20)) },
  ...{ low: 0.25, high: 4, from: 'assumed: no round has shown anything' },
});

/** What VMs of the run that have shown their writes are like, for those that have not. */
function othersOf(fitted: readonly FittedWrites[]): InferredVm['writes'] | undefined {
  const rate = median(fitted.map(({ model }) => model.rate));
  const workingSet = median(fitted.map(({ model }) => model.workingSet));
  if (rate === undefined || workingSet === undefined) return undefined;
  const model: WriteModel = { rate: bytesPerSecond(rate), pattern: 'steady', workingSet: bytes(workingSet) };
  return { model, low: 0.25, high: 4, from: 'the other VMs of the run' };
}

const median = (values: readonly number[]): number | undefined =>
  quantile(
    values.map((value) => ({ value, weight: 1 })),
    0.5,
  );

function inferencesOf({ migration, used, speed, writes }: InferredVm): readonly Inference[] {
  const { id, plan } = migration;
  const { model } = writes;
  const names = guestNames.filter((name) => guests[name].family === plan.vm.guest);
  return [
    { of: id, what: 'used', value: formatBytes(used.value), from: used.from },
    { of: id, what: 'speed', value: `${formatRate(speed.low)} to ${formatRate(speed.high)}`, from: speed.from },
    {
      ...{ of: id, what: 'writes', from: writes.from },
      value: `${formatRate(model.rate * writes.low)} to ${formatRate(model.rate * writes.high)} over ${formatBytes(model.workingSet)}`,
    },
    { of: id, what: 'guest', value: `one of ${names.join(', ')}`, from: `the plan says ${plan.vm.guest}` },
  ];
}

function commonInferences({ shared }: ObservedRates): readonly Inference[] {
  return [
    shared
      ? {
          ...{ of: 'all', what: 'shared', value: `${formatRate(shared.low)} to ${formatRate(shared.high)}` },
          from: `what up to ${shared.streams} VMs moved at once`,
        }
      : { of: 'all', what: 'shared', value: 'no limit', from: 'never two VMs moved bytes at once' },
    {
      ...{ of: 'all', what: 'steps', value: 'as long as in a rehearsal' },
      from: 'the durations of simulator/flow: stopping, changing and starting guests',
    },
    {
      ...{ of: 'all', what: 'faults', value: 'none' },
      from: 'nothing breaks that is not broken; what was asked for and not answered is taken as not done',
    },
  ];
}

const wide = bytesPerSecond(12_500_000_000);

/** Each VM is behind a host of its own, whose speed is the VM's own; what all share is the receiver. */
function estateFrom(vms: readonly InferredVm[], { shared }: ObservedRates, rng: Rng): Estate {
  const link: EstateLink = { name: 'network', bandwidth: wide, latency: millis(1), loss: ratio(0, 1) };
  const between = (from: Rng, low: number, high: number): number =>
    from.between(Math.max(1, Math.round(low)), Math.max(1, Math.round(high)));
  const bandwidth = shared ? bytesPerSecond(between(rng.fork('shared'), shared.low, shared.high)) : wide;
  return {
    hosts: vms.map(({ migration, speed }): EstateHost => ({
      ...{ name: migration.id, platform: migration.plan.vm.platform },
      read: bytesPerSecond(between(rng.fork(`speed ${migration.id}`), speed.low, speed.high)),
    })),
    links: [link],
    gateway: { bandwidth: wide, flow: wide },
    receiver: { bandwidth, flow: wide },
    vms: vms.map(({ migration, used, writes }): EstateVm => {
      const own = rng.fork(`vm ${migration.id}`);
      const percent = own.between(Math.round(writes.low * 100), Math.round(writes.high * 100));
      return {
        ...{ name: migration.id, host: migration.id, link: link.name },
        guest: own.pick(familyOf(migration)),
        disks: disksOf(migration, used.value),
        writes: { ...writes.model, rate: bytesPerSecond(Math.round((writes.model.rate * percent) / 100)) },
      };
    }),
  };
}

const familyOf = ({ plan }: RecordedMigration): readonly GuestName[] =>
  guestNames.filter((name) => guests[name].family === plan.vm.guest);

/** The allocated bytes spread over the disks by size, none of them more than full. */
function disksOf(migration: RecordedMigration, used: Bytes): EstateVm['disks'] {
  const size = sizeOf(migration);
  const tracked = new Map<string, boolean>();
  for (const recorded of migration.history) {
    const fact = factIn(recorded);
    if (fact.type === 'ReplicationInitiated') for (const disk of fact.data.disks) tracked.set(disk.disk, disk.tracked);
  }
  let left: number = used;
  return migration.plan.disks.map((disk, i, all) => {
    const share = i === all.length - 1 ? left : Math.floor(used * (disk.size / size));
    left -= share;
    return { id: disk.id, size: disk.size, used: bytes(share), tracked: tracked.get(disk.id) ?? true };
  });
}
