import { fixUpSystem, nothing, textEdit, together, warning } from '#replicator/fixup/system';

const cloudPath = '/etc/cloud/cloud.cfg.d/99-sealift.cfg';
// A new instance id would make new SSH host keys and a new hostname: the machine is the same, only elsewhere.
const cloudText = [
  '# Written by Sealift: this machine was moved, and is no new instance.',
  'network: {config: disabled}',
  'manual_cache_clean: true',
  'preserve_hostname: true',
  'ssh_deletekeys: false',
  '',
].join('\n');

/** cloud-init: it is kept from taking the moved machine for a new one. */
export const cloudInit = fixUpSystem<boolean>('cloud-init', {
  collect: ({ files, present }) =>
    files['/etc/cloud/cloud.cfg'] !== undefined && !present.includes('/etc/cloud/cloud-init.disabled')
      ? true
      : undefined,
  render: (_, { image }) => ({
    edits: textEdit(image, cloudPath, cloudText, {
      system: 'cloud-init',
      what: 'keep cloud-init from making networks, host keys and a hostname anew',
      why: 'where its source of data is gone it takes the machine for a new one',
    }),
    findings: [],
  }),
});

interface Rewriting {
  readonly system: string;
  /** Where the files begin that are rewritten. */
  readonly below: string;
  readonly from: RegExp;
  readonly to: string;
  readonly what: string;
  readonly why: string;
}

/** A system of which lines in all its files are rewritten. */
const rewriting = ({ below, from, to, ...words }: Rewriting) =>
  fixUpSystem<readonly string[]>(words.system, {
    collect: ({ files }) => Object.keys(files).filter((path) => path.startsWith(below)),
    render: (paths, { image }) =>
      together(
        paths.map((path) => ({
          edits: textEdit(image, path, (image.files[path] ?? '').replaceAll(from, to), words),
          findings: [],
        })),
      ),
  });

/** chrony: clocks that a hypervisor offers as a device. */
export const chrony = rewriting({
  ...{ system: 'clock', below: '/etc/chrony', from: /^(\s*refclock\s+PHC\s+\/dev\/ptp.*)$/gm, to: '# $1' },
  what: 'no clock of the old hypervisor',
  why: 'chronyd does not start when a reference clock it is told of is missing',
});

/** Xorg: a driver for the old display. */
export const xorg = rewriting({
  ...{
    system: 'display',
    below: '/etc/X11/',
    from: /^(\s*Driver\s+)"(qxl|cirrus|hyperv|virtio)"/gm,
    to: '$1"modesetting"',
  },
  what: 'the display driver that works on any hardware',
  why: 'Xorg does not start with a driver whose hardware is gone',
});

/** What the sentinel on the replica is told it is there for. */
export const stage = fixUpSystem<true>('stage', {
  collect: () => true,
  render: (_, { image, target }) => {
    if (target.stage === undefined) return nothing;
    return {
      edits: textEdit(image, '/var/lib/sealift/stage.json', target.stage, {
        system: 'stage',
        what: 'tell the sentinel in the replica that it is on the target',
        why: 'it must not take itself for the sentinel of a source; it validates and reports instead',
      }),
      findings: image.present.some((path) => path.endsWith('/sealift-sentinel.service'))
        ? []
        : [
            warning(
              'stage:sentinel',
              'no sentinel is installed in this guest: nobody in it will finish the fix-up and report',
              'look at the console and the network from outside, or install the sentinel in the source',
            ),
          ],
    };
  },
});

/** VMware's tools: the guest runs without them, but cannot be stopped in order or report its address. */
export const tools = fixUpSystem<boolean>('tools', {
  collect: ({ present }) => present.some((path) => /vmtoolsd$|open-vm-tools\.service$|vmtoolsd\.service$/.test(path)),
  render: (installed) =>
    installed
      ? nothing
      : {
          edits: [],
          findings: [
            warning(
              'tools:open-vm-tools',
              'open-vm-tools is not installed: vSphere will not see addresses and cannot shut the guest down in order',
              'install open-vm-tools in the source before the cutover, or in the target after it',
            ),
          ],
        },
});
