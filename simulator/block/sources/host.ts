/** A host that VMs run on. */
export interface SimulatedHost {
  readonly name: string;
  isUp(): boolean;
  /** Its power is lost, and with it that of every VM on it. */
  down(): void;
  /** It is back, and its VMs that were on are started. One that runs is left alone. */
  up(): void;
  /** What to do to one of its VMs when it goes and when it comes. Returns how to stop. */
  carry(vm: HostedVm): () => void;
}

/** A VM as its host knows it. */
export interface HostedVm {
  losePower(): void;
  comeBack(): void;
}

/** Makes a host. It is up. */
export function simulatedHost(name: string): SimulatedHost {
  let isUp = true;
  const vms = new Set<HostedVm>();
  return {
    name,
    isUp: () => isUp,
    down() {
      if (!isUp) return;
      isUp = false;
      for (const vm of [...vms]) vm.losePower();
    },
    up() {
      if (isUp) return;
      isUp = true;
      for (const vm of [...vms]) vm.comeBack();
    },
    carry(vm) {
      vms.add(vm);
      return () => void vms.delete(vm);
    },
  };
}
