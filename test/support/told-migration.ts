import { diskId } from '#core/ids';
import type { SideEffectType } from '#core/migration/effects';
import type { Check, MigrationFact, PlannedEdit, StepItem } from '#core/migration/facts';
import { bytes, bytesPerSecond, GiB, instant, MiB, round, seconds } from '#core/units';
import { samplePlan, sampleReport } from './migration-facts.ts';

/** A fact, and how many seconds after the one before it. */
export type ToldFact = readonly [afterSeconds: number, fact: MigrationFact];

/** The moment of the first fact of what is told here. */
export const toldStart = instant(Date.parse('2026-03-07T20:00:00Z'));

const check = (id: string, verdict: Check['verdict'], message: string, remedy = ''): Check => ({
  ...{ id, verdict, message, remedy },
});
const asked = (effect: SideEffectType): MigrationFact => ({ type: 'EffectRequested', data: { key: `key`, effect } });
const item = (
  step: string,
  name: string,
  title: string,
  state: StepItem['state'],
  more: Partial<StepItem> = {},
): MigrationFact => ({
  type: 'StepReported',
  data: { step, item: name, title, state, detail: '', attempt: 1, nextAttempt: null, ...more },
});

const disks = [
  { disk: diskId('vda'), size: bytes(8 * GiB), sent: bytes(3 * GiB), zeroed: bytes(1 * GiB), root: 'a1b2c3d4e5f60718' },
  {
    disk: diskId('vdb'),
    size: bytes(40 * GiB),
    sent: bytes(9 * GiB),
    zeroed: bytes(2 * GiB),
    root: '0f1e2d3c4b5a6978',
  },
];
const parts = (share: number) =>
  disks.map(({ disk, sent, zeroed, root }) => ({
    ...{ disk, root },
    sent: bytes(Math.round(sent * share)),
    zeroed: bytes(Math.round(zeroed * share)),
  }));

/** Edits as fix-up plans them: a file that is changed, one that is made, one whose lines look like a difference, a command. */
export const toldEdits: readonly PlannedEdit[] = [
  {
    id: 'fstab:/etc/fstab',
    what: 'Name the root file system by its UUID',
    why: 'the disk is /dev/sda on a pvscsi controller, and /dev/vda is gone',
    path: '/etc/fstab',
    change: [
      '--- /etc/fstab',
      '+++ /etc/fstab',
      '@@ -1,3 +1,3 @@',
      ' # <file system> <mount point>',
      '-/dev/vda1 / ext4 errors=remount-ro 0 1',
      '+UUID=0b2f6c1e-7d0e-4d0f-9a34-4c1e6f1f9b11 / ext4 errors=remount-ro,x-systemd.device-timeout=120s,comment=a-line-that-is-long-enough-to-need-room 0 1',
      ' /dev/vg/data /srv xfs defaults 0 2',
    ].join('\n'),
    keeps: '/var/lib/sealift/originals/etc/fstab',
  },
  {
    id: 'modules:/etc/initramfs-tools/modules',
    what: 'Put the drivers of the target into the initramfs',
    why: 'it holds virtio drivers only: the root would not be found <b>on</b> the target',
    path: '/etc/initramfs-tools/modules',
    change:
      '--- /etc/initramfs-tools/modules\n+++ /etc/initramfs-tools/modules\n@@ -0,0 +1,2 @@\n+vmw_pvscsi\n+vmxnet3',
    keeps: '/var/lib/sealift/originals/etc/initramfs-tools/modules',
  },
  {
    id: 'nic:/etc/systemd/network/10-ens3.link',
    what: 'Keep the name of the network interface',
    why: 'its slot is another one on the target, and its configuration is bound to its name',
    path: '/etc/systemd/network/10-ens3.link',
    change: '--- /dev/null\n+++ /etc/systemd/network/10-ens3.link\n@@ -0,0 +1,1 @@\n+[Match]',
    keeps: '',
  },
  {
    id: 'initramfs:6.1.0-25-amd64',
    what: 'Make the initramfs of 6.1.0-25-amd64 anew',
    why: 'what goes into it has changed',
    path: '/boot/initrd.img-6.1.0-25-amd64',
    change: 'run: update-initramfs -u -k 6.1.0-25-amd64',
    keeps: '/var/lib/sealift/originals/boot/initrd.img-6.1.0-25-amd64',
  },
];

/** What a guest says while it boots, with all that a terminal would obey and a page must not. */
export const toldConsole = [
  '\u001B[2J\u001B[H\u001B]0;owned\u0007GNU GRUB  version 2.06',
  ...Array.from({ length: 60 }, (_, n) => `[    ${n}.${String(n * 7919).slice(0, 6)}] pci 0000:00:${n}: BAR ${n}`),
  '[\u001B[0;32m  OK  \u001B[0m] Started <script>document.title = "owned"</script>',
  `[    9.1] Command line: ${'console=ttyS0,115200 '.repeat(30)}`,
  'ALERT!  UUID=0b2f6c1e does not exist.  Dropping to a shell!\u0000\u0008',
  '(initramfs) ',
].join('\r\n');

const plan = samplePlan({
  disks: disks.map(({ disk, size }) => ({ id: disk, size })),
  approval: 'given',
  testLaunch: 'required',
  onValidationFailure: 'ask',
  quiesce: { timeout: seconds(300), onRefusal: 'rollBack' },
});

const readiness: readonly Check[] = [
  check('source-reachable', 'passed', 'the source answers'),
  check('disk-trackable:vda', 'passed', 'writes to /dev/vda can be tracked'),
  check('machine', 'passed', 'the processor architecture is x86_64'),
  check(
    'network-share:/mnt/media',
    'warning',
    '/mnt/media is on nas.example:/media, and does not move along',
    'see that the target reaches it',
  ),
];
const room = check('room:/boot', 'failed', '/boot has 3.00 MiB left, and 40.0 MiB are needed', 'remove old kernels');

const verified: readonly ToldFact[] = [
  [0, { type: 'MigrationDrafted', data: { plan } }],
  [1, { type: 'VerificationRequested', data: {} }],
  [
    2,
    {
      type: 'GuestInspected',
      data: {
        ...{ hostname: 'web-01', system: 'Debian GNU/Linux 12 (bookworm)', firmware: 'bios', memory: bytes(512 * MiB) },
        nics: [{ name: 'ens3', mac: '52:54:00:12:34:56', addresses: ['10.0.2.15/24', 'fec0::5054:ff:fe12:3456/64'] }],
        ...{ processors: 2, services: ['cron.service', 'nginx.service', 'sealift-load.service', 'ssh.service'] },
      },
    },
  ],
  [0, { type: 'VerificationFailed', data: { checks: [...readiness, room] } }],
  [60, { type: 'VerificationRequested', data: {} }],
  [2, { type: 'VerificationPassed', data: { checks: readiness } }],
];

const replicated: readonly ToldFact[] = [
  [1, { type: 'ProtectionStarted', data: {} }],
  [0, asked('initiateReplication')],
  [1, { type: 'ReplicationInitiated', data: { disks: disks.map(({ disk }, n) => ({ disk, tracked: n === 0 })) } }],
  ...[2, 5, 9].map((done): ToldFact => [
    20,
    {
      type: 'RoundProgressed',
      data: { round: round(0), done: bytes(done * GiB), total: bytes(15 * GiB), sent: bytes((done - 1) * GiB) },
    },
  ]),
  [
    40,
    {
      type: 'RoundCompleted',
      data: sampleReport({
        ...{ kind: 'full', planned: bytes(15 * GiB), sent: bytes(12 * GiB), zeroed: bytes(3 * GiB) },
        ...{ duration: seconds(100), rate: bytesPerSecond(123 * MiB), dirty: bytes(6 * GiB), disks: parts(1) },
      }),
    },
  ],
  [
    9,
    {
      type: 'RoundCompleted',
      data: sampleReport({ round: round(1), sent: bytes(880 * MiB), dirty: bytes(12 * MiB), disks: parts(0.07) }),
    },
  ],
];

const tested: readonly ToldFact[] = [
  [5, { type: 'TestLaunchRequested', data: {} }],
  [2, { type: 'RoundCompleted', data: sampleReport({ round: round(2), dirty: bytes(2 * MiB), disks: parts(0.001) }) }],
  [0, asked('launchTest')],
  [0, item('launchTest', 'copy', 'Copy the replica', 'running')],
  [9, item('launchTest', 'copy', 'Copy the replica', 'done')],
  [0, item('launchTest', 'plan', 'Plan the fix-up', 'running')],
  [3, item('launchTest', 'plan', 'Plan the fix-up', 'done', { detail: '4 edits' })],
  [0, { type: 'FixUpPlanned', data: { edits: toldEdits, findings: [] } }],
  [0, item('launchTest', 'boot', 'Boot web-01-test in isolation', 'running')],
  [
    38,
    {
      type: 'ConsoleCaptured',
      data: { vm: 'web-01-test', stage: 'test', text: 'Debian GNU/Linux 12 web-01 ttyS0\r\n\r\nweb-01 login: ' },
    },
  ],
  [0, item('launchTest', 'boot', 'Boot web-01-test in isolation', 'done')],
  [0, { type: 'TestLaunched', data: { vm: 'web-01-test' } }],
  [30, { type: 'TestJudged', data: { verdict: 'passed', note: 'the shop answers' } }],
  [0, asked('cleanUpTest')],
  [1, item('cleanUpTest', 'clone', 'Take the clone away', 'done')],
  [0, { type: 'TestCleanedUp', data: {} }],
];

const quiesced: readonly ToldFact[] = [
  [5, { type: 'CutoverStarted', data: {} }],
  [2, { type: 'RoundCompleted', data: sampleReport({ round: round(3), dirty: bytes(1 * MiB), disks: parts(0.001) }) }],
  [0, asked('quiesceSource')],
  [6, item('quiesceSource', 'nginx.service', 'Stop nginx.service', 'done', { detail: 'stopped in 1.2 s' })],
  [0, item('quiesceSource', '/', 'Make / read-only', 'done', { detail: 'remounted' })],
  [0, { type: 'SourceQuiesced', data: { method: '1 service stopped', found: 'running' } }],
  [
    3,
    {
      type: 'FinalSyncCompleted',
      data: sampleReport({ round: round(4), kind: 'final', duration: seconds(3), disks: parts(0.0002) }),
    },
  ],
  [0, asked('fenceSource')],
  [4, item('fenceSource', 'powerOff', 'Power the source off', 'done', { detail: 'the guest switched itself off' })],
  [0, { type: 'SourceFenced', data: { proof: 'its hypervisor says that the source is off' } }],
  [0, asked('fixUpReplica')],
  [0, item('fixUpReplica', 'plan', 'Plan the fix-up', 'running')],
  [3, item('fixUpReplica', 'plan', 'Plan the fix-up', 'done', { detail: '4 edits' })],
  [
    0,
    {
      type: 'FixUpPlanned',
      data: {
        edits: toldEdits,
        findings: [
          check('kernel:6.1.0-18-cloud', 'warning', 'kernel 6.1.0-18-cloud is left as it is', 'do not boot it'),
        ],
      },
    },
  ],
  [8, item('fixUpReplica', 'apply', 'Apply the edits', 'done')],
  [
    5,
    {
      type: 'ReplicaFixedUp',
      data: {
        findings: [
          check('kernel:6.1.0-18-cloud', 'warning', 'kernel 6.1.0-18-cloud is left as it is', 'do not boot it'),
          check('initramfs:6.1.0-25-amd64', 'passed', 'the initramfs of 6.1.0-25-amd64 has vmw_pvscsi and vmxnet3'),
        ],
      },
    },
  ],
  [0, asked('launchTarget')],
  [0, item('launchTarget', 'boot', 'Boot web-01 on pvscsi and vmxnet3', 'running')],
];

/** A migration whose first boot fails: from its draft to the platform being asked a second time. */
export const toldFailing: readonly ToldFact[] = [
  ...verified,
  ...replicated,
  ...tested,
  ...quiesced,
  [
    20,
    item('launchTarget', 'boot', 'Boot web-01 on pvscsi and vmxnet3', 'retrying', {
      ...{ detail: 'web-01 did not report within 20 s', attempt: 2 },
      nextAttempt: instant(toldStart + seconds(600)),
    }),
  ],
  [0, { type: 'ConsoleCaptured', data: { vm: 'web-01', stage: 'target', text: toldConsole } }],
];

/** The same, rolled back because of it. */
export const toldRolledBack: readonly ToldFact[] = [
  ...toldFailing,
  [40, item('launchTarget', 'boot', 'Boot web-01 on pvscsi and vmxnet3', 'failed', { detail: 'no root', attempt: 2 })],
  [0, { type: 'LaunchFailed', data: { reason: { type: 'BootFailed', detail: 'the initramfs finds no root' } } }],
  [0, asked('rollBack')],
  [5, item('rollBack', 'target', 'Take the target away', 'done')],
  [9, { type: 'RolledBack', data: { source: 'running' } }],
];

/** A migration that was handed over, and whose target did not pass everything. */
export const toldMoved: readonly ToldFact[] = [
  ...verified,
  ...replicated,
  ...tested,
  ...quiesced,
  [35, item('launchTarget', 'boot', 'Boot web-01 on pvscsi and vmxnet3', 'done', { detail: '4 checks reported' })],
  [0, { type: 'ConsoleCaptured', data: { vm: 'web-01', stage: 'target', text: 'web-01 login: ' } }],
  [0, { type: 'TargetLaunched', data: { vm: 'web-01' } }],
  [0, asked('connectTarget')],
  [1, { type: 'TargetConnected', data: { networks: ['VM Network'] } }],
  [0, item('validateTarget', 'checks', 'Checks inside web-01', 'running')],
  [12, item('validateTarget', 'checks', 'Checks inside web-01', 'done')],
  [
    0,
    {
      type: 'ValidationFailed',
      data: {
        checks: [
          check('booted', 'passed', 'the guest is up'),
          check('address', 'passed', 'it has 10.0.2.15'),
          check('shop', 'failed', 'https://shop.example answers 502', 'start the application server'),
        ],
      },
    },
  ],
];
