import { assigned } from '#replicator/fixup/describe-image';
import { fixUpSystem, nothing } from '#replicator/fixup/system';

/** SELinux: files made while the guest is offline have no label, and a guest that enforces will not read them. */
export const selinux = fixUpSystem<string>('selinux', {
  collect: ({ files }) => {
    const text = files['/etc/selinux/config'];
    const mode = text === undefined ? undefined : assigned(text, 'SELINUX');
    return mode === 'enforcing' || mode === 'permissive'
      ? (assigned(text ?? '', 'SELINUXTYPE') ?? 'targeted')
      : undefined;
  },
  render: (policy, { image, planned }) => {
    const paths = planned.filter(({ after, run }) => after !== undefined || run !== undefined).map(({ path }) => path);
    const labels = paths.filter((path) => !path.startsWith('/boot/efi/'));
    const contexts = `/etc/selinux/${policy}/contexts/files/file_contexts`;
    if (labels.length === 0) return nothing;
    if (!image.present.includes(contexts) || !image.present.some((path) => path.endsWith('/setfiles')))
      return {
        edits: [
          {
            id: 'selinux:autorelabel',
            what: 'have all files labelled at the first boot',
            why: 'files made offline have no label, and the policy or the program that would give it now is missing; the first boot takes longer and boots again',
            ...{ path: '/.autorelabel', after: '', mode: 0o644 },
          },
        ],
        findings: [],
      };
    return {
      edits: [
        {
          id: 'selinux:labels',
          what: `label the ${labels.length} files that were made or edited`,
          why: 'files made offline have no label, and a guest that enforces will not read them',
          path: labels[0] ?? '/',
          run: ['setfiles', '-F', contexts, ...labels],
        },
      ],
      findings: [],
    };
  },
});
