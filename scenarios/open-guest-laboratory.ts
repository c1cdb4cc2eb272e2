import { join, resolve } from 'node:path';
import type { Clock } from '#core/clock';
import type { MigrationState } from '#core/migration/evolve';
import { err, ok, type Result } from '#core/result';
import { minutes, seconds } from '#core/units';
import { libguestfsFixUp } from '#replicator/fixup/fix-up';
import {
  laboratorySentinel,
  openGuestLaboratory,
  type GuestLaboratory,
} from '#replicator/live/guest-laboratory/guest-laboratory';
import { guestSource } from '#replicator/live/launch/guest-source';
import type { LaunchSite } from '#replicator/live/launch/launch-site';
import { testName } from '#replicator/live/launch/test-launch';
import { qcow2Overlays } from '#replicator/live/launch/qcow2-overlays';
import type { OpenSource, SourceSiteError } from '#replicator/live/open-source';
import { directPath } from '#replicator/pipeline/direct-path';
import type { ReplicationPath } from '#replicator/pipeline/replication';
import { guestAgentOver } from '#replicator/sentinel/control/guest-agent-over';
import type { ValidationCheck } from '#replicator/sentinel/stage/stage-file';
import type { MigrationScenario } from './migration-scenario.ts';

/** A laboratory guest as the source of a migration, with all there is to launch it. */
export interface OpenGuest extends OpenSource {
  readonly laboratory: GuestLaboratory;
  readonly path: ReplicationPath;
  readonly site: LaunchSite;
}

/** What opening it needs. */
export interface OpenGuestOptions {
  readonly folder: string;
  /** The sentinel's agent as one file. */
  readonly agent: string;
  readonly clock: Clock;
  readonly state: MigrationState;
  readonly keepsGuest: boolean;
  readonly signal: AbortSignal;
  readonly changeSite?: (site: LaunchSite) => LaunchSite;
  readonly refusesPowerOff?: () => string | undefined;
  readonly onStep?: (step: string) => void;
}

/** Opens the laboratory of a scenario whose guest is a Debian server. */
export async function openGuest(
  scenario: MigrationScenario,
  options: OpenGuestOptions,
): Promise<Result<OpenGuest, SourceSiteError>> {
  const {
    folder,
    agent,
    clock,
    state,
    keepsGuest,
    signal,
    changeSite = (site) => site,
    refusesPowerOff,
    onStep,
  } = options;
  const { laboratory: wanted } = scenario;
  const laboratory = await openGuestLaboratory({
    directory: resolve(wanted?.directory ?? join(folder, 'laboratory')),
    ...{ agent, clock, keepsGuest, signal, recordsPerSecond: wanted?.recordsPerSecond ?? 20 },
    ...{ state, targetVm: scenario.vm.name },
    ...(refusesPowerOff && { refusesPowerOff }),
    ...(onStep && { onStep }),
  });
  if (!laboratory.ok) return err({ type: 'LaboratoryFailed', reason: 'GuestLaboratory', detail: laboratory.error });
  const { guests, source, target } = laboratory.value;
  const site = changeSite(siteOf(scenario, laboratory.value));
  return ok({
    laboratory: laboratory.value,
    site,
    description: `sentinel:${laboratorySentinel}`,
    connect: () => guestSource(site.agent, site.power, site.policy),
    path: directPath({ clock, ofSentinel: guests.openDisk }),
    close: async () => {
      await laboratory.value.close();
      // What was started here is ended here, but for a target that has taken over: it is the result.
      if (!keepsGuest) await source.power.powerOff();
      await target.remove(testName(scenario.vm.name));
      const found = await target.find(scenario.vm.name);
      if (found.ok && found.value?.links !== 'connected') await target.remove(scenario.vm.name);
    },
  });
}

const powerOffMax = seconds(90);

function siteOf(
  { target: wanted, quiesce }: MigrationScenario,
  { guests, source, target, appliance: environment }: GuestLaboratory,
): LaunchSite {
  return {
    target,
    power: source.power,
    agent: guestAgentOver(laboratorySentinel, guests.ask(laboratorySentinel), async () => undefined),
    fixUp: libguestfsFixUp({ environment }),
    overlays: qcow2Overlays(),
    policy: { timeout: quiesce.timeout, keep: [], before: [], after: [] },
    hardware: { controller: wanted.controller, nicModel: wanted.nic },
    ...{ network: wanted.network, bootMax: wanted.bootMax, powerOffMax },
    ...(wanted.account !== undefined && { account: { name: wanted.account } }),
    checks: [{ id: 'booted', kind: 'booted', timeout: minutes(5), mustSucceed: true }, ...wanted.checks.map(checkOf)],
  };
}

function checkOf(check: MigrationScenario['target']['checks'][number]): ValidationCheck {
  const { id, mustSucceed, timeout } = check;
  const about = { id, mustSucceed, timeout };
  if ('hostname' in check) return { ...about, kind: 'hostname', expected: check.hostname };
  if ('address' in check) return { ...about, kind: 'address', address: check.address };
  if ('service' in check) return { ...about, kind: 'service', unit: check.service };
  return { ...about, kind: 'script', command: check.script, ...(check.asAccount && { asAccount: true }) };
}
