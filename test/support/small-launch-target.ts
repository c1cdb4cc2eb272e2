import type { FixUp } from '#core/ports/fix-up';
import type { TargetPlatform } from '#core/ports/target-platform';
import { err, ok } from '#core/result';
import { parseStageFile } from '#replicator/sentinel/stage/stage-file';
import { waitsForNetwork } from '#replicator/sentinel/stage/stage-report';
import type { Asked, During, SmallLaunch, SmallVm } from './small-launch-state.ts';

const refusal = { id: 'root', verdict: 'failed', message: 'the root is encrypted', remedy: 'unlock it' } as const;

/** A fix-up engine that changes the images of a small launch. */
export function fixUpOf(launch: SmallLaunch, during: During): FixUp {
  const failed = (step: string) => err({ type: 'ToolFailed', step, detail: launch.words.refused } as const);
  const fixUp: FixUp = {
    inspect: async () => failed('inspect'),
    plan: (_disks, target) =>
      during('plan fix-up', () => {
        if (launch.fails.has('plan')) return failed('plan');
        const edit = {
          ...{ id: 'drivers', what: 'add vmw_pvscsi', why: 'the disk', path: '/etc/modules' },
          ...{ before: '', after: 'vmw_pvscsi\n' },
        };
        const stage = {
          ...{ id: 'stage', what: 'the stage', why: 'the sentinel', path: '/stage.json' },
          after: target.stage ?? '',
        };
        return ok({
          version: 1,
          guest: { family: 'debian', name: 'Debian', kernels: [] },
          edits: [edit, stage],
          findings: launch.fails.has('refuse') ? [refusal] : [],
        });
      }),
    apply: (disks, plan) =>
      during('apply fix-up', () => {
        if (launch.fails.has('apply')) return failed('apply');
        const order = plan.edits.find(({ id }) => id === 'stage')?.after;
        for (const { path } of disks) launch.images.set(path, { fixed: true, order });
        return ok(undefined);
      }),
    verify: () =>
      during('verify fix-up', () => {
        const verdict = launch.fails.has('verify') ? ('failed' as const) : ('passed' as const);
        return ok([{ id: 'initramfs', verdict, message: 'the drivers are in it', remedy: '' }]);
      }),
    open: (disks, { prepared } = {}) => ({
      plan: (target) => fixUp.plan(disks, target),
      apply: async (plan) => {
        const applied = await fixUp.apply(disks, plan);
        const isThere = prepared?.type === 'use' && launch.prepared.has(prepared.folder);
        return applied.ok ? ok({ made: ['initramfs'], prepared: isThere, whyNot: '' }) : applied;
      },
      verify: (plan) => fixUp.verify(disks, plan),
      keepMade: () =>
        during('keep what was made', () => {
          if (launch.fails.has('keep')) return ok({ files: [], whyNot: '/etc/x was changed' });
          if (prepared?.type === 'make') launch.prepared.set(prepared.folder, prepared.of);
          return ok({ files: ['/boot/initramfs'], whyNot: '' });
        }),
      close: async () => {
        if (!launch.fails.has('close')) return ok(undefined);
        // What could not be written out is not on the disks.
        for (const { path } of disks)
          if (launch.images.has(path)) launch.images.set(path, { fixed: false, order: undefined });
        return failed('close');
      },
    }),
  };
  return fixUp;
}

/** The platform that its targets run on. */
export function platformOf(launch: SmallLaunch, asked: Asked): TargetPlatform {
  const gone = (name: string) => err({ type: 'NotFound', name } as const);
  const report = (vm: SmallVm): void => {
    const file = parseStageFile(launch.images.get(vm.plan.disks[0]?.path ?? '')?.order ?? '');
    if (!file.ok) return;
    const { stage, migration, checks: wanted } = file.value;
    const verdict = launch.fails.has('validation') ? 'failed' : 'passed';
    const found = wanted.map(({ id, kind }) => {
      const waits = kind === 'address' && vm.links !== 'connected';
      return {
        id,
        verdict: waits ? 'warning' : verdict,
        message: waits ? waitsForNetwork : `${id}: looked at`,
        remedy: '',
      };
    });
    vm.console += `SEALIFT-REPORT ${JSON.stringify({ stage, migration, checks: found, booted: true })}\n`;
  };
  return {
    find: (name) => asked('find', () => ok(launch.vms.get(name))),
    launch: (plan, links) =>
      asked('launch', () => {
        if (launch.fails.has('launch'))
          return err({ type: 'Refused', operation: 'launch', detail: launch.words.refused } as const);
        const there = launch.vms.get(plan.name);
        if (there) return ok(there);
        const vm: SmallVm = { name: plan.name, plan, power: 'running', links, console: 'booting\n' };
        launch.vms.set(plan.name, vm);
        if (plan.disks.every(({ path }) => launch.images.get(path)?.fixed)) report(vm);
        else vm.console += 'ALERT!  UUID=0c1d does not exist.  Dropping to a shell!\n';
        return ok(vm);
      }),
    setLinks: (name, links) =>
      asked('set links', () => {
        const vm = launch.vms.get(name);
        if (!vm) return gone(name);
        vm.links = links;
        report(vm);
        return ok(undefined);
      }),
    powerOff: (name) =>
      asked('power target off', () => {
        const vm = launch.vms.get(name);
        if (vm) vm.power = 'off';
        return vm ? ok(undefined) : gone(name);
      }),
    remove: (name) => asked('remove', () => (launch.vms.delete(name), ok(undefined))),
    console: (name) =>
      asked('console', () => (launch.vms.has(name) ? ok(launch.vms.get(name)?.console ?? '') : gone(name))),
    close: async () => undefined,
  };
}
