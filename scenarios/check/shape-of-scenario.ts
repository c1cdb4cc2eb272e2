import type { FaultText } from '#scenarios/fault-schema';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { BlockFaultKind } from '#simulator/block/fault-kinds';
import { swarmShape, type SwarmShape } from '#simulator/search/swarm';

/** What whoever checks may ask for beside the scenario. */
export interface ShapeOptions {
  /** How many VMs a world has; six if left out. */
  readonly vms?: number | undefined;
  /** Only what the design promises to survive, and progress is demanded. */
  readonly budget: boolean;
}

/** The faults of a rehearsal in the words of the block world. What it only counts there, is here what comes closest. */
const kindsOf: { readonly [T in FaultText['type']]: readonly BlockFaultKind[] } = {
  checkFailed: ['callRefused'],
  quiesceRefused: ['quiesceRefused'],
  launchFailed: ['callRefused', 'bootFailed'],
  validationFailed: ['bootFailed'],
  answerLost: ['answerLost', 'callLost', 'answerLate'],
  trackingLost: ['trackingLost', 'hypervisorKilled'],
  fixUpFailed: ['fixUpFailed'],
  bootFailed: ['bootFailed'],
  snapshotFailed: ['callRefused'],
  linkSlow: ['linkSlow'],
  linkLossy: ['linkSlow', 'linkSilent'],
  linkDown: ['linkCut', 'linkSilent'],
  sitePartitioned: ['linkSilent'],
  gatewayCrashed: ['gatewayKilled'],
  receiverCrashed: ['receiverKilled', 'receiverPowerLost'],
  sentinelLost: ['sentinelKilled'],
  grayFailure: ['linkSlow'],
  hostDown: ['hostDown', 'haRestarted'],
  datastoreFull: ['datastoreFull'],
  diskChanged: ['diskAdded', 'diskGrown'],
  vmMoved: ['vmMoved'],
  managerCrash: ['managerKilled'],
};

/**
 * The worlds of a rehearsal: its platforms, applications, limits and downtime, and its faults more often than others. A
 * fleet is scaled down to a few VMs: what goes wrong with five hundred goes wrong with six, and six can be understood.
 */
export function shapeOfScenario(
  scenario: RehearsalScenario,
  { vms = swarmShape.vms, budget }: ShapeOptions,
): SwarmShape {
  const { estate, wave, plan, operators, faults } = scenario;
  const hosts = estate.hosts.map(({ platform }) => platform);
  const generated = estate.generate ? (estate.generate.platforms ?? swarmShape.platforms) : [];
  const platforms = [...new Set([...hosts, ...generated])];
  const named = [
    ...Object.keys(scenario.applications ?? {}),
    ...estate.vms.flatMap(({ application = [] }) => application),
  ];
  return {
    ...swarmShape,
    vms,
    platforms: platforms.length > 0 ? platforms : swarmShape.platforms,
    // Generated VMs belong to applications of their profile.
    applications: estate.generate ? swarmShape.applications : [...new Set(named)],
    cutoversMax: Math.min(wave.limits.cuttingOver, Math.max(1, Math.ceil(vms / 2))),
    syncsMax: Math.min(wave.limits.replicating, vms),
    downtimeBudget: plan.downtimeMax,
    finalize: operators.finalize !== undefined,
    favoured: [...new Set(faults.flatMap(({ type }) => kindsOf[type]))],
    budget,
  };
}
