import { approvedCutovers } from './approved-cutovers.ts';
import { cutoverQueued } from './cutover-queued.ts';
import { diskChangesNoticed } from './disk-changes-noticed.ts';
import { endsOrStops } from './ends-or-stops.ts';
import { everyByteArrives } from './every-byte-arrives.ts';
import { everyoneScheduled } from './everyone-scheduled.ts';
import { lagBounded } from './lag-bounded.ts';
import type { Law } from './law.ts';
import { limitsHold } from './limits-hold.ts';
import { logReplays } from './log-replays.ts';
import { lostTrackingRescans } from './lost-tracking-rescans.ts';
import { movedSourceNoticed } from './moved-source-noticed.ts';
import { neverBothConnected } from './never-both-connected.ts';
import { noSecrets } from './no-secrets.ts';
import { nothingLeftBehind } from './nothing-left-behind.ts';
import { progressMonotone } from './progress-monotone.ts';
import { quiescePolicy } from './quiesce-policy.ts';
import { replicaKept } from './replica-kept.ts';
import { retryNeedsDelta } from './retry-needs-delta.ts';
import { sourceGivenBack } from './source-given-back.ts';
import { sourceUntouched } from './source-untouched.ts';
import { stopTogether } from './stop-together.ts';
import { unknownReconciled } from './unknown-reconciled.ts';
import { versionsKnown } from './versions-known.ts';
import { windowEndsClean } from './window-ends-clean.ts';

/** Every law, in the order of their numbers. */
export const laws: readonly Law[] = [
  replicaKept,
  sourceUntouched,
  sourceGivenBack,
  neverBothConnected,
  everyByteArrives,
  lostTrackingRescans,
  diskChangesNoticed,
  retryNeedsDelta,
  cutoverQueued,
  windowEndsClean,
  everyoneScheduled,
  quiescePolicy,
  lagBounded,
  movedSourceNoticed,
  nothingLeftBehind,
  stopTogether,
  progressMonotone,
  logReplays,
  endsOrStops,
  versionsKnown,
  limitsHold,
  unknownReconciled,
  approvedCutovers,
  noSecrets,
];
