import type { Clock } from '#core/clock';
import {
  type Edit,
  type EditsMade,
  type FixUp,
  type FixUpDisk,
  type FixUpError,
  type FixUpPlan,
  type FixUpSession,
  type FixUpSessionOptions,
  type MadeKept,
} from '#core/ports/fix-up';
import { err, ok, type Result } from '#core/result';
import type { Rng } from '#core/rng';
import { millis } from '#core/units';
import { planFixUp } from '#replicator/fixup/plan';
import { verifyImage } from '#replicator/fixup/verify';
import type { GuestDisk } from '#simulator/endpoints/guest/guest-disk';
import { writeSystem, type InstalledSystem } from '#simulator/endpoints/guest/installed-system';
import { makeEdit, makesInitramfs } from './image-edits.ts';
import { readImage, type ImageFound } from './image-readings.ts';
import type { OverlayStore, PreparedFiles } from './overlay-store.ts';

/** Where a fix-up can fail. */
export type FixUpStep = 'open' | 'plan' | 'apply' | 'verify' | 'keepMade' | 'close';

interface FixUpOptions {
  readonly store: Pick<OverlayStore, 'disk' | 'prepared'>;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Why a step fails now. Asked before each edit too, which is then half of a fix-up. */
  readonly fails?: (step: FixUpStep) => string | undefined;
  readonly note?: (label: string, value: string | number | boolean) => void;
}

/**
 * Fixes up the guests that are on simulated disks: plans and verifies with the code of production, and edits what is
 * installed there. What takes a machine of its own for a moment is given its time.
 * @differs A fix-up takes its time by steps and kinds of edits; how much is on the disks makes no difference.
 */
export function simulatedFixUp(options: FixUpOptions): FixUp {
  const open = (disks: readonly FixUpDisk[], session: FixUpSessionOptions = {}): FixUpSession =>
    fixUpSession(options, disks, session);
  return {
    open,
    inspect: async (disks) => {
      const found = await lookAt(options, disks);
      return found.ok ? ok(found.value.image) : found;
    },
    plan: (disks, target) => open(disks).plan(target),
    apply: async (disks, plan) => {
      const session = open(disks);
      const applied = await session.apply(plan);
      const closed = await session.close();
      return applied.ok ? closed : applied;
    },
    verify: (disks, plan) => open(disks).verify(plan),
  };
}

interface Looked extends ImageFound {
  readonly disks: readonly GuestDisk[];
}

async function lookAt({ store }: FixUpOptions, disks: readonly FixUpDisk[]): Promise<Result<Looked, FixUpError>> {
  const opened: GuestDisk[] = [];
  for (const { path } of disks) {
    const disk = store.disk(path);
    if (!disk) return err({ type: 'ImageUnusable', detail: `${path} is not there` });
    opened.push(disk);
  }
  const found = await readImage(opened);
  return found.ok ? ok({ ...found.value, disks: opened }) : found;
}

function fixUpSession(
  options: FixUpOptions,
  disks: readonly FixUpDisk[],
  { prepared }: FixUpSessionOptions,
): FixUpSession {
  const { store, clock, rng, fails = () => undefined, note = () => undefined } = options;
  const own = rng.fork(`fix-up at ${clock.now()} of ${disks[0]?.path}`);
  let isOpen = false;
  let made: { readonly files: PreparedFiles; readonly edits: readonly Edit[] } | undefined;
  const step = async (name: FixUpStep, [from, to]: readonly [number, number]): Promise<Result<void, FixUpError>> => {
    const took = own.between(from, to);
    note(`fix-up: ${name} takes`, took);
    await clock.wait(millis(took));
    const detail = fails(name);
    return detail === undefined ? ok(undefined) : err({ type: 'ToolFailed', step: name, detail });
  };
  const opened = async (): Promise<Result<Looked, FixUpError>> => {
    if (!isOpen) {
      const came = await step('open', [2_000, 12_000]);
      if (!came.ok) return came;
      isOpen = true;
    }
    return lookAt(options, disks);
  };
  return {
    plan: async (target) => {
      const found = await opened();
      if (!found.ok) return found;
      const came = await step('plan', [500, 3_000]);
      return came.ok ? planFixUp(found.value.image, target) : came;
    },
    apply: async (plan) => {
      const found = await opened();
      if (!found.ok) return found;
      const edited = await edit(found.value, plan, { step, prepared: usable(store, prepared) });
      if (!edited.ok) return edited;
      const { whyNot, system, isPrepared, madeFrom } = edited.value;
      const initramfs = Object.fromEntries(
        system.kernels.flatMap(({ version, initramfs: one }) => (one ? [[version, one] as const] : [])),
      );
      const edits = plan.edits.filter(makesInitramfs);
      const of = prepared?.type === 'make' ? prepared.of : '';
      made = { files: { of, madeFrom, initramfs }, edits };
      return ok({ made: edits.map(({ id }) => id), prepared: isPrepared, whyNot } satisfies EditsMade);
    },
    verify: async (plan) => {
      const came = await step('verify', [500, 3_000]);
      if (!came.ok) return came;
      const found = await lookAt(options, disks);
      return found.ok ? ok(verifyImage(found.value.image, plan)) : found;
    },
    keepMade: async () => {
      const came = await step('keepMade', [200, 800]);
      if (!came.ok) return came;
      const kept = (files: readonly string[], whyNot: string): Result<MadeKept, FixUpError> => ok({ files, whyNot });
      if (prepared?.type !== 'make' || !made) return kept([], 'nobody asked for it');
      if (made.edits.length === 0) return kept([], 'no command made anything');
      store.prepared.set(prepared.folder, made.files);
      return kept(
        made.edits.map(({ path }) => path),
        '',
      );
    },
    close: async () => {
      if (!isOpen) return ok(undefined);
      isOpen = false;
      return step('close', [300, 2_000]);
    },
  };
}

const usable = (
  { prepared: all }: Pick<OverlayStore, 'prepared'>,
  prepared: FixUpSessionOptions['prepared'],
): PreparedFiles | undefined => (prepared?.type === 'use' ? all.get(prepared.folder) : undefined);

interface Edited {
  readonly system: InstalledSystem;
  readonly isPrepared: boolean;
  readonly whyNot: string;
  readonly madeFrom: string;
}

interface Editing {
  readonly step: (name: FixUpStep, took: readonly [number, number]) => Promise<Result<void, FixUpError>>;
  readonly prepared: PreparedFiles | undefined;
}

/** Makes the edits one by one, each written to the disk at once: one that is interrupted leaves the others there. */
async function edit(
  { disks, installed }: Looked,
  { edits }: FixUpPlan,
  { step, prepared }: Editing,
): Promise<Result<Edited, FixUpError>> {
  const [bootDisk] = disks;
  let system = installed;
  let isPrepared = false;
  let whyNot = '';
  let madeFrom = '';
  for (const one of edits) {
    if (makesInitramfs(one)) {
      madeFrom = inputsOf(system);
      isPrepared = prepared?.madeFrom === madeFrom;
      if (prepared && !isPrepared) whyNot = 'files that go into it were changed';
    }
    const came = await step('apply', makesInitramfs(one) ? (isPrepared ? [100, 400] : [15_000, 60_000]) : [10, 80]);
    if (!came.ok) return came;
    const edited = makeEdit(system, one);
    if (!edited.ok) return edited;
    system = edited.value;
    if (bootDisk) writeSystem(bootDisk, system);
  }
  return ok({ system, isPrepared, whyNot, madeFrom });
}

const stagePath = '/var/lib/sealift/stage.json';

/** All that goes into an initramfs, as a text: what says what is to be done in the guest is not in it. */
const inputsOf = ({ files, kernels }: InstalledSystem): string =>
  JSON.stringify([
    Object.entries(files)
      .filter(([path]) => path !== stagePath && path.startsWith('/etc/'))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    kernels.map(({ version, drivers }) => [version, drivers]),
  ]);
