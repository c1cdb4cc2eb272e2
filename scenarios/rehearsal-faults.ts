import { invariant, unreachable } from '#core/invariant';
import type { Rng } from '#core/rng';
import type { Instant } from '#core/units';
import type { Estate } from '#simulator/estate/estate';
import { answerLost } from '#simulator/faults/answer-lost';
import { applianceCrashed } from '#simulator/faults/appliance-crashed';
import { bootFailed } from '#simulator/faults/boot-failed';
import { checkFailed } from '#simulator/faults/check-failed';
import { datastoreFull } from '#simulator/faults/datastore-full';
import { diskChanged } from '#simulator/faults/disk-changed';
import type { Fault } from '#simulator/faults/fault';
import { fixUpFailed } from '#simulator/faults/fix-up-failed';
import { grayFailure } from '#simulator/faults/gray-failure';
import { hostDown } from '#simulator/faults/host-down';
import { launchFailed } from '#simulator/faults/launch-failed';
import { linkDown } from '#simulator/faults/link-down';
import { linkLossy } from '#simulator/faults/link-lossy';
import { linkSlow } from '#simulator/faults/link-slow';
import { quiesceRefused } from '#simulator/faults/quiesce-refused';
import { sentinelLost } from '#simulator/faults/sentinel-lost';
import { sitePartitioned } from '#simulator/faults/site-partitioned';
import { snapshotFailed } from '#simulator/faults/snapshot-failed';
import type { Period } from '#simulator/faults/spell';
import { trackingLost } from '#simulator/faults/tracking-lost';
import { validationFailed } from '#simulator/faults/validation-failed';
import { vmMoved } from '#simulator/faults/vm-moved';
import { assumptionsWith } from '#simulator/flow/assumptions';
import type { FaultText } from './fault-schema.ts';
import { periodOf } from './fault-timing.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

/** What the faults of a scenario are made from. */
export interface FaultGround {
  readonly estate: Estate;
  readonly rng: Rng;
  readonly start: Instant;
}

/** The faults a scenario asks for, each with a stream of chance of its own. */
export const faultsOf = (scenario: RehearsalScenario, { estate, rng, start }: FaultGround): readonly Fault[] =>
  scenario.faults.flatMap((fault, i) => {
    // It is no fault of the world: see crashes.ts.
    if (fault.type === 'managerCrash') return [];
    const own = rng.fork(`${i} ${fault.type}`);
    const during = periodOf(fault, own, start);
    return [
      'times' in fault
        ? strikingFaultOf(fault, own, during)
        : lastingFaultOf(fault, { scenario, estate, rng: own, during }),
    ];
  });

type StrikingText = Extract<FaultText, { readonly times: number }>;

function strikingFaultOf(fault: StrikingText, rng: Rng, during: Period | undefined): Fault {
  const aim = { ...fault, during };
  switch (fault.type) {
    case 'checkFailed':
      return checkFailed(rng, aim, { id: fault.check, message: fault.message, remedy: fault.remedy });
    case 'quiesceRefused':
      return quiesceRefused(rng, aim, fault);
    case 'launchFailed':
      return launchFailed(rng, aim, fault);
    case 'validationFailed':
      return validationFailed(rng, aim, fault);
    case 'answerLost':
      return answerLost(rng, aim, fault);
    case 'trackingLost':
      return trackingLost(rng, aim);
    case 'fixUpFailed':
      return fixUpFailed(rng, aim, fault);
    case 'bootFailed':
      return bootFailed(rng, aim, fault);
    case 'snapshotFailed':
      return snapshotFailed(rng, aim, fault);
    default:
      return unreachable(fault);
  }
}

interface Lasting {
  readonly scenario: RehearsalScenario;
  readonly estate: Estate;
  readonly rng: Rng;
  readonly during: Period | undefined;
}

type LastingText = Exclude<FaultText, StrikingText | { readonly type: 'managerCrash' }>;

function lastingFaultOf(fault: LastingText, { scenario, estate, rng, during }: Lasting): Fault {
  invariant(during, `a fault ${fault.type} without a time passed the schema`);
  const named = (vms: 'all' | readonly string[]): readonly string[] =>
    vms === 'all' ? estate.vms.map(({ name }) => name) : vms;
  switch (fault.type) {
    case 'linkDown':
      return linkDown(during, fault);
    case 'linkSlow':
      return linkSlow(during, fault);
    case 'linkLossy': {
      const link = estate.links.find(({ name }) => name === fault.link);
      invariant(link, `link ${fault.link} passed the schema`);
      return linkLossy(during, { link, loss: fault.loss, streams: assumptionsWith(scenario.assumptions).streams });
    }
    case 'sitePartitioned':
      return sitePartitioned(during, { links: fault.links ?? estate.links.map(({ name }) => name) });
    case 'gatewayCrashed':
      return applianceCrashed(during, { appliance: 'gateway' });
    case 'receiverCrashed':
      return applianceCrashed(during, { appliance: 'receiver' });
    case 'sentinelLost':
      return sentinelLost(during, { vms: named(fault.vms) });
    case 'grayFailure': {
      const vms = named(fault.vms).filter((name) => rng.fork(name).chance(fault.share));
      return grayFailure(during, { vms, left: fault.left });
    }
    case 'hostDown':
      return hostDown(during, fault);
    case 'datastoreFull':
      return datastoreFull(during, fault);
    case 'diskChanged':
      return diskChanged(during, { vm: fault.vm, change: fault.change, disk: fault.disk, size: fault.size });
    case 'vmMoved':
      return vmMoved(during.when, fault);
    default:
      return unreachable(fault);
  }
}
