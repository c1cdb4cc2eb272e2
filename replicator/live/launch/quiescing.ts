import { describeGuestAgentError, type QuiesceReport } from '#core/ports/guest-agent';
import { formatDuration, formatPlural } from '#core/text/format';
import { came, type Perform } from '#replicator/live/parts';
import { withoutSecrets } from '#replicator/live/secrets';
import { reasonFor, troubleAtSource } from '#replicator/live/trouble';
import type { LaunchSite } from './launch-site.ts';

/** Brings the guest to rest from inside: services stopped in order, file systems flushed and read-only. */
export const quiesceGuest =
  ({ agent, policy, power }: LaunchSite): Perform<'quiesceSource'> =>
  async (parts, { report }) => {
    const state = await power.state();
    if (state.ok && state.value === 'off')
      return came({ type: 'SourceQuiesced', data: { method: 'found switched off', found: 'off' } });
    const done = await agent.quiesce({ ...policy, timeout: parts.plan.quiesce.timeout });
    if (!done.ok) {
      if (done.error.type === 'Unreachable')
        return { type: 'unknown', why: withoutSecrets(describeGuestAgentError(done.error)) };
      return came({ type: 'QuiesceRefused', data: { reason: reasonFor(troubleAtSource(done.error)) } });
    }
    for (const item of itemsOf(done.value)) report({ type: 'StepReported', data: item });
    return came({ type: 'SourceQuiesced', data: { method: methodOf(done.value), found: 'running' } });
  };

const methodOf = ({ stopped, fileSystems, took }: QuiesceReport): string =>
  `${formatPlural(stopped.length, 'service')} stopped and ${formatPlural(fileSystems.length, 'file system')} made read-only by the sentinel in ${formatDuration(took)}`;

const itemsOf = ({ stopped, fileSystems }: QuiesceReport) =>
  [
    ...stopped.map(
      ({ unit, took, outcome }) => [unit, `Stop ${unit}`, `${outcome} in ${formatDuration(took)}`] as const,
    ),
    ...fileSystems.map(({ mountpoint, how }) => [mountpoint, `Make ${mountpoint} read-only`, how] as const),
  ].map(([item, title, detail]) => ({
    ...{ step: 'quiesceSource', item, title, detail, state: 'done' as const },
    ...{ attempt: 1, nextAttempt: null },
  }));
