import { sourceHypervisorContract } from '#test/contract/source-hypervisor.contract';
import { startSimulatedWorld } from '#test/support/simulated-source-world';
import { kvmSource } from './kvm.ts';

sourceHypervisorContract(
  'simulated KVM',
  startSimulatedWorld({
    make: kvmSource,
    kill: ({ source }) => source.faults.crashHypervisor(),
    revive: ({ source }) => source.machine.start(),
  }),
);
