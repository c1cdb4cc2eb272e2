import { oldAgentsAmong } from '#replicator/fixup/describe-image';
import { fixUpSystem, textEdit, type EditWords, type SystemPlan } from '#replicator/fixup/system';
import type { GuestImage } from '#core/ports/fix-up';

/** Masks a unit: an empty file of its name below /etc keeps systemd from ever starting it. */
function masked(image: GuestImage, names: readonly string[], words: EditWords): SystemPlan {
  const edits = names.flatMap((name) => textEdit(image, `/etc/systemd/system/${name}`, '', words));
  return { edits, findings: [] };
}

const unitsMatching = ({ present }: GuestImage, wanted: (name: string) => boolean): readonly string[] => {
  const names = present.flatMap((path) => /\/systemd\/system\/([^/]+\.(?:service|socket))$/.exec(path)?.[1] ?? []);
  return [...new Set(names)].filter(wanted).toSorted();
};

/** Agents of the hypervisor the guest comes from: kept from starting, not removed. */
export const oldAgents = fixUpSystem<readonly string[]>('old-agent', {
  collect: (image) => {
    const agents = oldAgentsAmong(image.present);
    return unitsMatching(image, (name) => agents.includes(name.replace(/\.(service|socket)$/, '')));
  },
  render: (units, { image }) =>
    masked(image, units, {
      system: 'old-agent',
      what: 'keep the agent of the old hypervisor from starting',
      why: 'what it talks to is not there: it would wait, fail or fill the log',
    }),
});

/** Login prompts on a console that only the old hypervisor has. */
export const oldConsoles = fixUpSystem<readonly string[]>('old-console', {
  collect: (image) => unitsMatching(image, (name) => /getty@(hvc|xvc)\d+\.service$/.test(name)),
  render: (units, { image }) =>
    masked(image, units, {
      system: 'old-console',
      what: 'no login prompt on a console that is not there',
      why: 'its terminal never appears, and the boot waits for it',
    }),
});

/** The same in inittab, where there is no systemd. */
export const inittab = fixUpSystem<string>('inittab', {
  collect: ({ files }) => files['/etc/inittab'],
  render: (text, { image }) => ({
    edits: textEdit(image, '/etc/inittab', text.replaceAll(/^([^#\n]*:respawn:.*\b[hx]vc\d+\b.*)$/gm, '# $1'), {
      system: 'inittab',
      what: 'no login prompt on a console that is not there',
      why: 'it would be started again and again',
    }),
    findings: [],
  }),
});
