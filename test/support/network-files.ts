/*
 * Network configurations as they are met in guests of KVM, AHV and Hyper-V: what installers, cloud images and administrators
 * write. Each is for NICs called ens3 and ens4 with the addresses 52:54:00:00:00:03 and :04.
 */

/** ENI: static and DHCP, a bond, a VLAN on it, a bridge on that; some of it sourced. */
export const eniFiles = {
  '/etc/network/interfaces': `# The loopback network interface
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

# The primary network interface
allow-hotplug ens3
iface ens3 inet static
    address 192.0.2.10/24
    # the router
    gateway 192.0.2.1
    dns-nameservers 192.0.2.53 \\
        192.0.2.54

iface ens3 inet6 auto
`,
  '/etc/network/interfaces.d/bond': `auto bond0
iface bond0 inet manual
    bond-slaves ens4
    bond-primary ens4
    bond-mode active-backup

auto bond0.100
iface bond0.100 inet manual
    vlan-raw-device bond0

auto br100
iface br100 inet dhcp
    bridge_ports bond0.100
    bridge_stp off
`,
};

/** netplan as a cloud image of Azure or Hyper-V has it, by driver, and a second file with a bond, a VLAN and a bridge. */
export const netplanFiles = {
  '/etc/netplan/50-cloud-init.yaml': `# This file is generated from information provided by the datasource.
network:
    version: 2
    ethernets:
        primary:
            dhcp4: true   # leases
            match:
                driver: hv_netvsc   # the synthetic NIC
                macaddress: "52:54:00:00:00:03"
            set-name: ens3
`,
  '/etc/netplan/60-storage.yaml': `network:
  renderer: networkd
  ethernets:
    ens4: {optional: true, mtu: 9000}
  bonds:
    bond0:
      interfaces: [ens4]
      parameters: {mode: active-backup, primary: ens4}
  vlans:
    bond0.100: {id: 100, link: bond0}
  bridges:
    br100:
      interfaces:
        - bond0.100
      addresses: [198.51.100.10/24]
`,
};

/** Keyfiles: one by name, one by address, one by what [match] asks for, a bond with its port, a VLAN and a bridge. */
export const keyfileFiles = {
  '/etc/NetworkManager/system-connections/ens3.nmconnection': `[connection]
id=ens3
uuid=5a1f8a3c-0000-4000-8000-000000000003
type=ethernet
interface-name=ens3

[ethernet]
mac-address=52:54:00:00:00:03

[ipv4]
address1=192.0.2.10/24,192.0.2.1
method=manual
`,
  '/etc/NetworkManager/system-connections/any.nmconnection': `[connection]
id=any virtio NIC
type=ethernet
autoconnect-priority=-10

[match]
# made by the image builder
driver=virtio_net;
path=pci-0000:00:04.0;

[ipv4]
method=auto
`,
  '/etc/NetworkManager/system-connections/bond0.nmconnection': `[connection]
id=bond0
uuid=5a1f8a3c-0000-4000-8000-0000000000b0
type=bond
interface-name=bond0

[bond]
mode=active-backup
options=primary=ens4
`,
  '/etc/NetworkManager/system-connections/bond0-port.nmconnection': `[connection]
id=bond0 port
type=ethernet
interface-name=ens4
master=5a1f8a3c-0000-4000-8000-0000000000b0
slave-type=bond
`,
  '/etc/NetworkManager/system-connections/vlan100.nmconnection': `[connection]
id=vlan100
type=vlan
interface-name=bond0.100
controller=br100
port-type=bridge

[vlan]
id=100
parent=bond0
`,
  '/etc/NetworkManager/system-connections/br100.nmconnection': `[connection]
id=br100
type=bridge
interface-name=br100
`,
};

/** ifcfg of Red Hat and its kin up to 8. */
export const redHatFiles = {
  '/etc/sysconfig/network-scripts/ifcfg-ens3': `# Installed by anaconda
TYPE=Ethernet
BOOTPROTO=none
NAME="ens3"
DEVICE=ens3
HWADDR=52:54:00:00:00:03
ONBOOT=yes
IPADDR=192.0.2.10
PREFIX=24
`,
  '/etc/sysconfig/network-scripts/route-ens3': '198.51.100.0/24 via 192.0.2.1 dev ens3\n',
  '/etc/sysconfig/network-scripts/ifcfg-ens4': 'DEVICE=ens4\nONBOOT=yes\nMASTER=bond0\nSLAVE=yes\nNM_CONTROLLED=no\n',
  '/etc/sysconfig/network-scripts/ifcfg-bond0':
    'DEVICE=bond0\nTYPE=Bond\nBONDING_MASTER=yes\nBONDING_OPTS="mode=active-backup primary=ens4"\nONBOOT=yes\n',
  '/etc/sysconfig/network-scripts/ifcfg-bond0.100': 'DEVICE=bond0.100\nVLAN=yes\nBRIDGE=br100\nONBOOT=yes\n',
  '/etc/sysconfig/network-scripts/ifcfg-br100': 'DEVICE=br100\nTYPE=Bridge\nBOOTPROTO=dhcp\nONBOOT=yes\n',
};

/** ifcfg of SUSE. */
export const suseFiles = {
  '/etc/sysconfig/network/ifcfg-ens3': `BOOTPROTO='static'\nSTARTMODE='auto'\nIPADDR='192.0.2.10/24'\n`,
  '/etc/sysconfig/network/ifroute-ens3': 'default 192.0.2.1 - ens3\n',
  '/etc/sysconfig/network/ifcfg-ens4': `BOOTPROTO='none'\nSTARTMODE='hotplug'\n`,
  '/etc/sysconfig/network/ifcfg-bond0': `BONDING_MASTER='yes'\nBONDING_SLAVE0='ens4'\nBONDING_MODULE_OPTS='mode=active-backup primary=ens4'\n`,
  '/etc/sysconfig/network/ifcfg-vlan100': `ETHERDEVICE='bond0'\nVLAN_ID='100'\n`,
  '/etc/sysconfig/network/ifcfg-br100': `BRIDGE='yes'\nBRIDGE_PORTS='vlan100'\nBOOTPROTO='dhcp'\n`,
};

/** networkd: by place and by driver, first match first, with a bond, a VLAN on it and a bridge. */
export const networkdFiles = {
  '/etc/systemd/network/10-uplink.network': `# The uplink
[Match]
Path = pci-0000:00:03.0

[Network]
Address=192.0.2.10/24
Gateway=192.0.2.1
`,
  '/etc/systemd/network/20-bonded.network': `[Match]
Driver=virtio_net
Virtualization=kvm

[Network]
Bond=bond0
`,
  '/etc/systemd/network/30-bond0.network': '[Match]\nName=bond0\n\n[Network]\nVLAN=vlan100\n',
  '/etc/systemd/network/40-vlan100.network': '[Match]\nName=vlan100\n\n[Network]\nBridge=br100\n',
  '/etc/systemd/network/50-br100.network': '[Match]\nName=br100\n\n[Network]\nDHCP=yes\n',
  '/etc/systemd/network/bond0.netdev': '[NetDev]\nName=bond0\nKind=bond\n\n[Bond]\nMode=active-backup\n',
  '/etc/systemd/network/br100.netdev': '[NetDev]\nName=br100\nKind=bridge\n',
  '/etc/systemd/network/vlan100.netdev': '[NetDev]\nName=vlan100\nKind=vlan\n\n[VLAN]\nId=100\n',
};

/** All of them, by their names. */
export const networkFiles: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...{ eni: eniFiles, netplan: netplanFiles, 'networkmanager-keyfile': keyfileFiles },
  ...{ ifcfg: redHatFiles, 'ifcfg of SUSE': suseFiles, networkd: networkdFiles },
};
