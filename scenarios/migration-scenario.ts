import { z } from 'zod';
import { diskId, migrationId, type DiskId, type MigrationId } from '#core/ids';
import type { MigrationPlan, PlannedDisk } from '#core/migration/plan';
import { err, ok, type Result } from '#core/result';
import { positiveDurationText, rateText, sizeText } from './quantity.ts';

const nonEmpty = (what: string) =>
  z.string({ error: () => `must be ${what}` }).min(1, { error: () => `must be ${what}, not empty` });
/** A name that goes into stream names, file names and URLs. */
export const nameText = (what: string) =>
  z
    .string({ error: () => `must be ${what}: ${nameRule}` })
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, { error: () => `must be ${what}: ${nameRule}` });
const nameRule = '1 to 100 letters, digits, dots, dashes or underscores, starting with a letter or digit';

/** What every scenario says of itself. */
export const aboutScenario = {
  id: nameText('a name for the scenario').meta({ description: 'Unique among scenarios; names the run.' }),
  title: nonEmpty('a title').meta({ description: 'One line for a list.' }),
  why: nonEmpty('the reason for this scenario').meta({ description: 'What is learned by running it.' }),
};

const path = (what: string) => nonEmpty(`the path of ${what}`);
const count = (max: number) =>
  z
    .int({ error: () => `must be a whole number from 1 to ${max}` })
    .min(1, { error: () => `must be a whole number from 1 to ${max}` })
    .max(max, { error: () => `must be a whole number from 1 to ${max}` });

/** A host name or address and a port: `gateway.site-a:7443`. */
const hostAndPort = z
  .string({ error: () => 'must be an address such as "gateway.example:7443"' })
  .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]/]+):\d{1,5}$/, {
    error: () => 'must be an address such as "gateway.example:7443"',
  })
  .transform((text, context) => {
    const colon = text.lastIndexOf(':');
    const port = Number(text.slice(colon + 1));
    if (port < 1 || port > 65_535)
      context.issues.push({ code: 'custom', input: text, message: 'must have a port from 1 to 65535' });
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port };
  });

const qmp = z
  .string({ error: () => 'must be a socket path such as "/run/vm.qmp", or "host:port"' })
  .min(1, { error: () => 'must be a socket path such as "/run/vm.qmp", or "host:port"' })
  .meta({ description: 'The QMP monitor: a Unix socket path such as "/run/vm.qmp", or "host:port".' })
  .transform((text) => {
    const tcp = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(text);
    return tcp ? { host: (tcp[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(tcp[2]) } : { path: text };
  });

const transferPath = z
  .union(
    [
      z.literal('direct').meta({ description: 'This process reads the source and writes the replica.' }),
      z.strictObject({
        gateway: z.strictObject({
          address: hostAndPort.meta({ description: 'Where the gateway listens.' }),
          certificates: path('the folder that `sealift certs` made'),
        }),
      }),
    ],
    { error: () => 'must be "direct", or "gateway" with "address" and "certificates" below it' },
  )
  .transform((text) =>
    text === 'direct' ? { type: 'direct' as const } : { type: 'gateway' as const, ...text.gateway },
  );

const laboratory = z
  .strictObject({
    directory: path('a folder for the disks, sockets and the console log').optional().meta({
      description: 'Disks that exist there are never overwritten. If not given, a folder of the run.',
    }),
    memory: sizeText.prefault('256 MiB'),
    disks: z
      .strictObject({
        count: count(8).default(1),
        size: sizeText.prefault('256 MiB'),
        format: z.enum(['raw', 'qcow2'], { error: () => 'must be raw or qcow2' }).default('raw'),
      })
      .prefault({}),
    writes: rateText
      .prefault('1 MiB/s')
      .meta({ description: 'What the guest writes all the time, over all disks together.' }),
    guest: z
      .enum(['writer', 'debian'], { error: () => 'must be writer or debian' })
      .default('writer')
      .meta({
        description:
          'writer: a kernel and a program that writes. debian: a server with services, two disks and a load that is acknowledged outside.',
      }),
    recordsPerSecond: count(1_000)
      .default(20)
      .meta({ description: 'Records that the load of a debian guest writes to each disk and has acknowledged.' }),
    seed: z
      .int({ error: () => 'must be a whole number' })
      .min(0, { error: () => 'must not be negative' })
      .default(1),
  })
  .meta({ description: 'Start a guest in software emulation that writes all the time, and migrate it.' });

const accountRule = 'must be a name of at most 31 small letters, digits and dashes, starting with a letter';
const check = { id: nameText('a name for the check'), mustSucceed: z.boolean().default(true) };
const timeout = positiveDurationText.prefault('3 min');
/** One thing a guest checks about itself once it has booted from its replica. */
const targetCheck = z.union(
  [
    z.strictObject({ ...check, hostname: nonEmpty('a hostname'), timeout }),
    z.strictObject({ ...check, address: nonEmpty('an address'), timeout }),
    z.strictObject({ ...check, service: nonEmpty('the name of a service'), timeout }),
    z.strictObject({
      ...check,
      script: nonEmpty('a shell command'),
      asAccount: z
        .boolean()
        .default(false)
        .meta({ description: 'Run by the temporary account of the target, and not by root.' }),
      timeout,
    }),
  ],
  { error: () => 'must have an id, and one of hostname, address, service or script' },
);

/** One real migration, as `sealift migrate` carries it out. */
export const migrationScenarioSchema = z
  .strictObject({
    kind: z.literal('migration'),
    ...aboutScenario,
    vm: z.strictObject({
      name: nonEmpty('the name of the VM'),
      guest: z.enum(['linux', 'windows'], { error: () => 'must be linux or windows' }).default('linux'),
    }),
    source: z
      .strictObject({
        connector: z
          .enum(['kvm', 'sentinel'], { error: () => 'must be kvm or sentinel' })
          .default('kvm')
          .meta({ description: 'kvm: disks are read from the hypervisor. sentinel: from inside the guest.' }),
        qmp: qmp.optional(),
      })
      .prefault({})
      .meta({ description: 'Where the VM is. Without `qmp` there must be a laboratory.' }),
    target: z
      .strictObject({
        directory: path('a folder for the replica').optional().meta({
          description: 'One raw file per disk. If not given, a folder of the run.',
        }),
        controller: z.enum(['pvscsi', 'lsisas'], { error: () => 'must be pvscsi or lsisas' }).default('pvscsi'),
        nic: z.enum(['vmxnet3', 'e1000e'], { error: () => 'must be vmxnet3 or e1000e' }).default('vmxnet3'),
        network: nonEmpty('the name of a network').default('VM Network'),
        bootMax: positiveDurationText
          .prefault('15 min')
          .meta({ description: 'How long a guest may take to boot and to say so.' }),
        account: z
          .string({ error: () => accountRule })
          .regex(/^[a-z][a-z0-9-]{0,30}$/, { error: () => accountRule })
          .optional()
          .meta({
            description:
              'Make a temporary account of this name in the target, for its validation. Its password is asked for with `sealift sentinel account`; finalizing takes it away.',
          }),
        checks: z.array(targetCheck).default([]).meta({
          description:
            'What the guest checks about itself once it has booted, in order. That it has booted is checked always.',
        }),
      })
      .prefault({}),
    disks: z
      .union(
        [
          z.literal('all'),
          z
            .array(nameText('the name of a disk').transform(diskId))
            .min(1, { error: () => 'must name at least one disk, or be "all"' }),
        ],
        {
          error: () => 'must be "all" or a list of disk names',
        },
      )
      .default('all'),
    downtimeMax: positiveDurationText.prefault('5 s').meta({ description: 'The longest the final sync may take.' }),
    roundsMax: count(1_000)
      .default(10)
      .meta({ description: 'Delta rounds over budget until the migration is flagged as not converging.' }),
    refreshEvery: positiveDurationText
      .prefault('10 min')
      .meta({ description: 'How old the replica may grow while it waits for the cutover.' }),
    approval: z
      .enum(['given', 'required', 'requiredByAnother'], { error: () => 'must be given, required or requiredByAnother' })
      .default('required')
      .meta({
        description:
          'given: this file is the approval. required: someone approves. requiredByAnother: someone else than the requester.',
      }),
    requester: nonEmpty('who asks for it').default('operator'),
    quiesce: z
      .strictObject({
        timeout: positiveDurationText.prefault('60 s'),
        onRefusal: z.enum(['force', 'rollBack'], { error: () => 'must be force or rollBack' }).default('rollBack'),
      })
      .prefault({}),
    path: transferPath.prefault('direct').meta({ description: 'How blocks travel.' }),
    bandwidthMax: rateText
      .optional()
      .meta({ description: 'Upper bound of what is read from the source, while it runs.' }),
    handOver: z
      .enum(['replica', 'launch'], { error: () => 'must be replica or launch' })
      .default('replica')
      .meta({ description: 'replica: verified disks are the result. launch: a VM that runs is.' }),
    testLaunch: z
      .enum(['optional', 'required'], { error: () => 'must be optional or required' })
      .default('optional')
      .meta({ description: 'required: a clone of the replica is started in isolation before the cutover.' }),
    laboratory: laboratory.optional(),
  })
  .check(({ value, issues }) => {
    if (value.source.qmp === undefined && value.laboratory === undefined)
      issues.push({
        code: 'custom',
        path: ['source'],
        input: value.source,
        message: 'must have "qmp", the monitor of the VM, unless there is a "laboratory"',
      });
    if (value.source.qmp !== undefined && value.laboratory !== undefined)
      issues.push({
        code: 'custom',
        path: ['source', 'qmp'],
        input: value.source.qmp,
        message: 'must be left out: the laboratory has a monitor of its own',
      });
    const isDebian = value.laboratory?.guest === 'debian';
    if ((value.source.connector === 'sentinel') !== isDebian)
      issues.push({
        code: 'custom',
        path: ['source', 'connector'],
        input: value.source.connector,
        message: isDebian
          ? 'must be sentinel for a laboratory with a debian guest'
          : 'may be sentinel only for a laboratory whose guest is debian',
      });
    if (value.handOver === 'launch' && !isDebian)
      issues.push({
        code: 'custom',
        path: ['handOver'],
        input: value.handOver,
        message: 'may be launch only for a laboratory whose guest is debian',
      });
    if (value.testLaunch === 'required' && value.handOver !== 'launch')
      issues.push({
        code: 'custom',
        path: ['testLaunch'],
        input: value.testLaunch,
        message: 'may be required only where handOver is launch',
      });
    for (const [index, check] of value.target.checks.entries())
      if ('script' in check && check.asAccount && value.target.account === undefined)
        issues.push({
          code: 'custom',
          path: ['target', 'checks', index, 'asAccount'],
          input: check,
          message: 'needs an account to run as: give target.account',
        });
    if (isDebian && value.path.type !== 'direct')
      issues.push({
        code: 'custom',
        path: ['path'],
        input: value.path,
        message: 'must be direct: the laboratory has a gateway of its own',
      });
  });

/** One real migration as a file says it, its quantities parsed and its defaults filled in. */
export type MigrationScenario = z.output<typeof migrationScenarioSchema>;

/** A scenario names disks that the source does not have. */
export interface DisksNotFound {
  readonly type: 'DisksNotFound';
  readonly missing: readonly DiskId[];
  readonly found: readonly DiskId[];
}

/** The plan to draft, once the source has said which disks it has. Disks that the scenario does not name are left out. */
export function migrationPlanOf(
  scenario: MigrationScenario,
  inventory: { readonly disks: readonly PlannedDisk[]; readonly source: string; readonly target: string },
): Result<MigrationPlan, DisksNotFound> {
  const { vm, disks, downtimeMax, roundsMax, refreshEvery, approval, handOver, testLaunch, quiesce, requester } =
    scenario;
  const found = inventory.disks.map(({ id }) => id);
  const missing = disks === 'all' ? [] : disks.filter((id) => !found.includes(id));
  if (missing.length > 0) return err({ type: 'DisksNotFound', missing, found });
  return ok({
    vm: { name: vm.name, platform: 'kvm', guest: vm.guest },
    disks: disks === 'all' ? inventory.disks : inventory.disks.filter(({ id }) => disks.includes(id)),
    source: inventory.source,
    target: inventory.target,
    downtimeMax,
    roundsMax,
    refreshEvery,
    approval,
    testLaunch,
    handOver,
    quiesce,
    onValidationFailure: 'rollBack',
    requester,
  });
}

/** The migration's id, and so its stream: the scenario's own, since such a scenario is one migration. */
export const migrationIdOf = (scenario: MigrationScenario): MigrationId => migrationId(scenario.id);
