import type { SentinelId } from '#core/ids';
import type { GuestAgent } from '#core/ports/guest-agent';
import { ok } from '#core/result';
import type { AskGuest } from './calls.ts';

/** The port over a way to ask: from within the gateway, or through it. */
export function guestAgentOver(sentinel: SentinelId, ask: AskGuest, close: () => Promise<void>): GuestAgent {
  return {
    inspect: () => ask('inspect', {}),
    look: () => ask('look', {}),
    beginMark: (mark) => ask('beginMark', { mark }),
    advanceMark: (from, to) => ask('advanceMark', { from, to }),
    changes: (mark) => ask('changes', { mark }),
    dropMark: (mark) => ask('dropMark', { mark }),
    openDisk: async (disk, since) => {
      const opened = await ask('openDisk', { disk, ...(since && { since }) });
      if (!opened.ok) return opened;
      return ok({ type: 'sentinel', sentinel, disk, ...(since && { changesOf: since }) });
    },
    closeDisks: () => ask('closeDisks', {}),
    quiesce: (policy) => ask('quiesce', { policy }),
    resume: () => ask('resume', {}),
    powerOff: () => ask('powerOff', {}),
    release: (owner) => ask('release', { owner }),
    limit: (rate) => ask('limit', { rate }),
    uninstall: () => ask('uninstall', {}),
    close,
  };
}
