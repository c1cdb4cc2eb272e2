import { migrationId, type MigrationId } from '#core/ids';
import { axesOf, type Axes } from '#core/migration/abilities';
import { decide } from '#core/migration/decide';
import { evolve, initialMigration, type MigrationState } from '#core/migration/evolve';
import type { MigrationFact } from '#core/migration/facts';
import type { MigrationPlan } from '#core/migration/plan';
import { instant } from '#core/units';
import type { WavePlan } from '#core/wave/plan';
import { planWave, type WaveDecision, type WavePhase } from '#core/wave/planner';
import type { WaveNotes } from '#core/wave/retry';
import { doingOf, freshReality } from './small-world.ts';

/** The name of the n-th VM. */
export const memberId = (n: number): MigrationId => migrationId(`vm-${n}`);

/** A few migrations that move when they are told to, one fact at a time. */
export class ObedientFleet {
  readonly members = new Map<MigrationId, MigrationState>();

  constructor(plans: readonly MigrationPlan[]) {
    plans.forEach((plan, n) => this.take(memberId(n), { type: 'MigrationDrafted', data: { plan } }));
  }

  take(member: MigrationId, fact: MigrationFact): void {
    this.members.set(member, evolve(this.stateOf(member), fact, { stream: `migration-${member}`, time: instant(0) }));
  }

  stateOf(member: MigrationId): MigrationState {
    return this.members.get(member) ?? initialMigration();
  }

  /**
   * Carries out what the planner wants, and says what that was. Throws if it wants what is refused, unless others than the
   * planner had a hand in where members stand.
   */
  obey(
    situation: {
      readonly phase: WavePhase;
      readonly plan: WavePlan;
      readonly approvedBy: string | null;
      readonly notes?: WaveNotes;
    },
    { alone = true } = {},
  ): WaveDecision {
    const decision = planWave({ ...situation, members: this.members });
    for (const { migration, command } of decision.commands) {
      const facts = decide(command, this.stateOf(migration));
      if (facts.ok) for (const fact of facts.value) this.take(migration, fact);
      else if (alone) throw new Error(`${command.type} to ${migration} is refused: ${JSON.stringify(facts.error)}`);
    }
    return decision;
  }

  /** Lets one member do one piece of its work. False if it has none. */
  work(member: MigrationId, { fails = false } = {}): boolean {
    const work = this.stateOf(member).work.find(({ effect }) => effect.type !== 'armTimer');
    if (!work) return false;
    const reason = { type: 'Sample', detail: 'a sample' };
    if (fails && work.effect.type === 'launchTarget') this.take(member, { type: 'LaunchFailed', data: { reason } });
    else this.take(member, doingOf(work.effect)(freshReality()));
    return true;
  }

  /** Has a drafted member looked at, so that it is ready. */
  verify(member: MigrationId): void {
    this.take(member, { type: 'VerificationRequested', data: {} });
    this.take(member, { type: 'VerificationPassed', data: { checks: [] } });
  }

  /** Brings a ready member the whole way to a launch that fails, and back to parked. */
  rollBackOnce(member: MigrationId): void {
    this.take(member, { type: 'ProtectionStarted', data: {} });
    while (this.work(member)) continue;
    this.take(member, { type: 'CutoverApproved', data: { by: 'grace' } });
    this.take(member, { type: 'CutoverStarted', data: {} });
    while (this.work(member, { fails: true })) continue;
  }

  at(n: number): Axes {
    return axesOf(this.stateOf(memberId(n)));
  }

  count(holds: (axes: Axes) => boolean): number {
    return [...this.members.values()].filter((state) => holds(axesOf(state))).length;
  }
}

/** Whether it has the source, or is giving it back. */
export const isCuttingOver = ({ lifecycle }: Axes): boolean =>
  lifecycle.startsWith('cuttingOver') || lifecycle === 'rollingBack';

/** Whether it is on its way to parked. */
export const isReplicating = ({ replication }: Axes): boolean =>
  ['initiating', 'fullSync', 'deltaSync', 'rescan'].includes(replication);
