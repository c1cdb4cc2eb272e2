import type { EffectType, SideEffectType } from '#core/migration/effects';
import type { Perform, Reconcile } from '#replicator/live/parts';
import { fenceByPower, wasFencedByPower } from './fencing.ts';
import { fixUpReplica, wasFixedUp } from './fix-up-effects.ts';
import { releaseLaunched, retireLaunched, rollBackAgain, rollBackLaunched } from './giving-back-launched.ts';
import type { LaunchSite } from './launch-site.ts';
import { syncAndPrepare } from './preparing.ts';
import { quiesceGuest } from './quiescing.ts';
import { connectTarget, launchTarget, validateLaunched, wasConnected, launchAgain } from './target-effects.ts';
import { cleanUpTest, launchTest, testAgain } from './test-launch.ts';
import { verifyGuest } from './verify-guest.ts';

/** How effects are performed where a VM that runs is handed over; the others are as for a replica. */
export const launchPerformers = (site: LaunchSite): { readonly [T in EffectType]?: Perform<T> } => ({
  verifySource: verifyGuest(site),
  runDeltaSync: syncAndPrepare(site),
  launchTest: launchTest(site),
  cleanUpTest: cleanUpTest(site),
  quiesceSource: quiesceGuest(site),
  fenceSource: fenceByPower(site),
  fixUpReplica: fixUpReplica(site),
  launchTarget: launchTarget(site),
  connectTarget: connectTarget(site),
  validateTarget: validateLaunched(site),
  rollBack: rollBackLaunched(site),
  releaseSource: releaseLaunched(site),
  retireSource: retireLaunched(site),
});

/** How it is found out whether they were done. */
export const launchReconcilers = (site: LaunchSite): { readonly [T in SideEffectType]?: Reconcile } => ({
  launchTest: testAgain,
  cleanUpTest: testAgain,
  fenceSource: wasFencedByPower(site),
  fixUpReplica: wasFixedUp,
  launchTarget: launchAgain,
  connectTarget: wasConnected(site),
  rollBack: rollBackAgain,
  retireSource: rollBackAgain,
});
