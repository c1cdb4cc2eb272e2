/** The virtual hardware a guest runs on. */
export interface GuestHardware {
  readonly firmware: 'bios' | 'uefi';
  readonly controller: Controller;
  readonly nicModel: NicModel;
  /** In slot order. */
  readonly nics: readonly GuestHardwareNic[];
  /** Loaders the firmware remembers, by path: they stay behind with the machine. */
  readonly bootEntries: readonly string[];
  /** In bytes. */
  readonly memory: number;
  readonly processors: number;
}

/** A network card. `connected`: its link is up, to whatever network. */
export interface GuestHardwareNic {
  readonly mac: string;
  readonly connected: boolean;
}

/** Disk controllers of KVM, AHV, Hyper-V and vSphere. */
export type Controller = 'virtio-blk' | 'virtio-scsi' | 'hyperv' | 'pvscsi' | 'lsisas';
/** Network cards of KVM and AHV, Hyper-V and vSphere. */
export type NicModel = 'virtio' | 'netvsc' | 'vmxnet3' | 'e1000e';

/** What Linux and Windows need for a controller, and how Linux names its disks. */
export const controllers = {
  'virtio-blk': { modules: ['virtio_blk'], prefix: 'vd', service: 'viostor' },
  'virtio-scsi': { modules: ['virtio_scsi', 'sd_mod'], prefix: 'sd', service: 'vioscsi' },
  hyperv: { modules: ['hv_storvsc', 'sd_mod'], prefix: 'sd', service: 'storvsc' },
  pvscsi: { modules: ['vmw_pvscsi', 'sd_mod'], prefix: 'sd', service: 'pvscsi' },
  lsisas: { modules: ['mptsas', 'sd_mod'], prefix: 'sd', service: 'LSI_SAS' },
} as const satisfies Record<Controller, { modules: readonly string[]; prefix: string; service: string }>;

/** The driver of each card, and what systemd calls the first ones by their slots. */
export const nicModels = {
  virtio: { module: 'virtio_net', service: 'netkvm', names: ['ens3', 'ens4', 'ens5', 'ens6'] },
  netvsc: { module: 'hv_netvsc', service: 'netvsc', names: ['eth0', 'eth1', 'eth2', 'eth3'] },
  vmxnet3: { module: 'vmxnet3', service: 'vmxnet3ndis6', names: ['ens192', 'ens224', 'ens256', 'ens161'] },
  e1000e: { module: 'e1000e', service: 'e1iexpress', names: ['ens192', 'ens224', 'ens256', 'ens161'] },
} as const satisfies Record<NicModel, { module: string; service: string; names: readonly string[] }>;
