import { sourceHypervisorContract } from '#test/contract/source-hypervisor.contract';
import { startSimulatedWorld } from '#test/support/simulated-source-world';
import { ahvSource } from './ahv.ts';
import { hypervSource } from './hyperv.ts';
import { kvmSource } from './kvm.ts';

sourceHypervisorContract(
  'simulated KVM',
  startSimulatedWorld({
    make: kvmSource,
    kill: ({ source }) => source.faults.crashHypervisor(),
    revive: ({ source }) => source.machine.start(),
  }),
);

sourceHypervisorContract(
  'simulated Hyper-V',
  startSimulatedWorld({
    make: hypervSource,
    kill: ({ hosts: [host] }) => host.down(),
    revive: ({ hosts: [host] }) => host.up(),
  }),
);

// Recovery points outlive every host: what takes them is a site that is lost, and another one that goes on without them.
sourceHypervisorContract(
  'simulated AHV',
  startSimulatedWorld({
    make: ahvSource,
    kill({ hosts: [host], management }) {
      management.down();
      host.down();
    },
    revive({ source, hosts: [, other], management }) {
      source.faults.restartElsewhere(other, { keepsTracking: false });
      management.up();
    },
  }),
);
