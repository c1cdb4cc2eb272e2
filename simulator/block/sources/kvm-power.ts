import type { SourcePower } from '#core/ports/source-power';
import type { HypervisorError } from '#core/ports/source-hypervisor';
import { ok, type Result } from '#core/result';
import type { KvmDomain } from '#simulator/endpoints/kvm/domain';
import { refused, straightCall, unreachable, type ConnectorOptions, type Outcome } from './connector.ts';
import type { Placed } from './source.ts';

/** The switch and the plugs of a domain, through its host's libvirt. */
export function kvmPower(domain: KvmDomain, placed: Placed, { call = straightCall }: ConnectorOptions): SourcePower {
  const ask = <T>(operation: string, act: () => Result<T, HypervisorError>): Outcome<T> =>
    call(operation, () => (placed.host().isUp() ? act() : unreachable(operation, 'the host does not answer')));
  const { hardware } = domain;
  return {
    state: () => ask('state', () => ok(hardware.power())),
    powerOff: () =>
      ask('powerOff', () => {
        const outcome = placed.strike(() => domain.destroy());
        return outcome.ok ? outcome : refused('powerOff', `${outcome.error.code}: ${outcome.error.message}`);
      }),
    powerOn: () => ask('powerOn', () => ok(domain.create())),
    disconnect: () => ask('disconnect', () => ok(hardware.connectNics(false))),
    reconnect: () => ask('reconnect', () => ok(hardware.connectNics(true))),
    annotate: (note) => ask('annotate', () => ok(hardware.note(note))),
    close: async () => undefined,
  };
}
