import { describe, expect, it } from 'vitest';
import { guestOf } from './guest-name.ts';

describe('the name of an operating system', () => {
  it.each([
    ['Debian GNU/Linux 12 (64-bit)', 'debian-12'],
    ['debian12_64Guest', 'debian-12'],
    ['http://debian.org/debian/12', 'debian-12'],
    ['http://ubuntu.com/ubuntu/22.04', 'ubuntu-22.04'],
    ['Red Hat Enterprise Linux 9 (64-bit)', 'rhel-9'],
    ['http://redhat.com/rhel/9.2', 'rhel-9'],
    ['SUSE Linux Enterprise 15 (64-bit)', 'sles-15'],
    ['http://suse.com/sles/15.4', 'sles-15'],
    ['Microsoft Windows Server 2016 or later (64-bit)', 'windows-2016'],
    ['Windows Server 2019 Datacenter', 'windows-2019'],
    ['http://microsoft.com/win/2k19', 'windows-2019'],
    ['windows2019srv_64Guest', 'windows-2019'],
    ['windows:64:Windows Server 2022 Standard', 'windows-2022'],
  ])('%s is a known guest', (said, guest) => expect(guestOf(said, 'kvm')).toEqual({ type: 'exact', guest }));

  it.each([
    ['Ubuntu Linux (64-bit)', 'ubuntu-22.04'],
    ['Red Hat Enterprise Linux 8 (64-bit)', 'rhel-9'],
    ['linux:64:Rocky Linux-9.3', 'rhel-9'],
    ['CentOS 7 (64-bit)', 'rhel-9'],
    ['openSUSE Leap 15.5', 'sles-15'],
    ['Other 3.x or later Linux (64-bit)', 'rhel-9'],
    ['Microsoft Windows Server 2008 R2 (64-bit)', 'windows-2016'],
    ['http://microsoft.com/win/2k8r2', 'windows-2016'],
    ['Microsoft Windows Server 2025', 'windows-2022'],
    ['Microsoft Windows 10 (64-bit)', 'windows-2019'],
    ['http://microsoft.com/win/11', 'windows-2022'],
    ['windows', 'windows-2022'],
  ])('%s is taken as the nearest of its family', (said, guest) =>
    expect(guestOf(said, 'kvm')).toEqual({ type: 'nearest', guest }),
  );

  it('that is not said is what is usual on the platform', () => {
    expect(guestOf(undefined, 'kvm')).toEqual({ type: 'unknown', guest: 'rhel-9' });
    expect(guestOf('Other (64-bit)', 'hyperv')).toEqual({ type: 'unknown', guest: 'windows-2019' });
  });

  it.each(['FreeBSD 13 (64-bit)', 'Oracle Solaris 11 (64-bit)', 'Apple macOS 12', 'Darwin'])(
    '%s is neither Linux nor Windows',
    (said) => expect(guestOf(said, 'kvm')).toEqual({ type: 'foreign' }),
  );
});
