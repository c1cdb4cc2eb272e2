import { describe, expect, it } from 'vitest';
import { afterEdits, planFor } from '#test/support/guest-samples';
import { guestWith, movedNics } from '#test/support/network-samples';

const path = '/etc/NetworkManager/conf.d/10-lab.conf';
const text = `# driver:virtio_net in a comment
[keyfile]
unmanaged-devices=driver:virtio_net;mac:52:54:00:00:00:04;interface-name:veth*,driver:mlx5_core

[device-all]
match-device=driver:hv_netvsc
wifi.scan-rand-mac-address=no
`;

describe("NetworkManager's own settings", () => {
  it('are for the devices they were for, by what those are called now', () => {
    const image = guestWith({ [path]: text });
    const plan = planFor(image, { nics: movedNics });
    expect(plan.edits.find((edit) => edit.path === path)?.after).toBe(`# driver:virtio_net in a comment
[keyfile]
unmanaged-devices=driver:vmxnet3;mac:00:50:56:00:00:04;interface-name:veth*,driver:mlx5_core

[device-all]
match-device=driver:vmxnet3
wifi.scan-rand-mac-address=no
`);
    expect(planFor(afterEdits(image, plan), { nics: movedNics }).edits).toEqual([]);
  });

  it('stay where they are for what is kept', () => {
    const right = '[keyfile]\nunmanaged-devices=interface-name:ens4;driver:vmx*\n';
    expect(planFor(guestWith({ [path]: right })).edits.map((edit) => edit.path)).not.toContain(path);
  });
});
