import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { entryOf, judgeLog, type Breach } from '#core/laws/judge';
import type { Entry } from '#core/laws/law';
import { neverBothConnected } from '#core/laws/never-both-connected';
import { foldMigration } from '#core/migration/evolve';
import { instant, millis, minutes } from '#core/units';
import { mayStartSource } from './starting-source.ts';
import { outsideCalls, type CallFate, type OutsideCall } from '#test/support/small-launch-state';
import { smallMigration, type Life, type LifeOptions, type SmallMigration } from '#test/support/small-migration';

/*
 * L4, in every order of events: the real chart, driver and live world, beside a source and a platform that refuse, lose
 * answers and are late, under managers that die, operators who go back and people who start machines by hand.
 */

const happenings = [
  ...(['managerDies', 'connectionsBreak', 'operatorGoesBack'] as const),
  ...(['somebodyStartsTheSource', 'somebodyConnectsTheSource'] as const),
] as const;

/** Something that happens to the world, or to whoever moves it, before some step of a life. */
interface Event {
  readonly at: number;
  readonly what: (typeof happenings)[number];
}
/** One life of a manager, and what it meets with. */
interface Trial {
  readonly goal: 'cutOver' | 'finalize';
  readonly troubles: readonly { readonly call: OutsideCall; readonly fate: CallFate }[];
  readonly events: readonly Event[];
  readonly fails: readonly ('powerOff' | 'apply' | 'validation' | 'launch')[];
}

const event = fc.record<Event>({
  // A cutover that launches has some two hundred steps, of which the first half is replication.
  at: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 40 }), fc.integer({ min: 90, max: 260 })),
  what: fc.constantFrom(...happenings),
});
const fate: fc.Arbitrary<CallFate> = fc.oneof(
  fc.constantFrom('refused' as const, 'lostBefore' as const, 'lostAfter' as const),
  // Later than the calls around it, and not later than a whole way back.
  fc.record({ late: fc.integer({ min: 1, max: 30 }).map(millis) }),
);
const trial = fc.record<Trial>({
  goal: fc.constantFrom('cutOver', 'finalize'),
  // Few at a time, or no life gets as far as a target that is connected.
  troubles: fc.array(fc.record({ call: fc.constantFrom(...outsideCalls), fate }), { maxLength: 2 }),
  events: fc.array(event, { maxLength: 2 }),
  fails: fc.subarray(['powerOff', 'apply', 'validation', 'launch'] as const, { maxLength: 1 }),
});
const calm: Trial = { goal: 'cutOver', troubles: [], events: [], fails: [] };

/** What the machines themselves did wrong, whatever a log says of it. */
interface Watch {
  readonly broken: string[];
  look(): void;
  /** Somebody starts the source and plugs it in, by hand. */
  byHand(): void;
}

function watch({ source, launch }: SmallMigration): Watch {
  const broken: string[] = [];
  // Nobody can know what was done after they looked.
  let unseen = false;
  let excused = false;
  const connected = (): string | undefined =>
    [...launch.vms.values()].find(({ power, links }) => power === 'running' && links === 'connected')?.name;
  const look = (): void => {
    // At rest inside is running outside: a guest that is only quiesced answers whoever asks it.
    const both = source.power !== 'off' && launch.sourceConnected && connected() !== undefined;
    excused = both && (excused || unseen);
    if (both && !excused) broken.push(`the source and ${connected()} run and are connected`);
  };
  launch.onChange = (call) => {
    look();
    if (call === 'power state') unseen = false;
  };
  launch.onPowerOn = () => {
    if (connected() !== undefined) broken.push(`the source was powered on while ${connected()} was connected`);
  };
  const byHand = (): void => {
    // Whoever does it beside a target that is connected has asked for it.
    if (connected() !== undefined) return;
    if (source.power === 'off') source.restart();
    launch.sourceConnected = true;
    unseen = true;
  };
  return { broken, look, byHand };
}

/** Whoever takes the migration up again first looks after the source, as the laboratory does. */
async function takeUp(small: SmallMigration): Promise<void> {
  const { source, launch } = small;
  const state = foldMigration(
    (await small.facts()).map((fact) => ({ fact, place: { stream: 'migration-small' as const, time: instant(0) } })),
  );
  const { target, power } = launch.site(async () => undefined);
  const opened = async (): Promise<void> => {
    const may = await mayStartSource(state, target, 'web-01');
    if (!may.ok || !may.value) return;
    await power.reconnect();
    if (source.power === 'off') await power.powerOn();
  };
  await small.clock.run(opened());
}

async function liveOnce(small: SmallMigration, { goal, events }: Trial, { look, byHand }: Watch): Promise<Life> {
  const { source } = small;
  let send: Parameters<NonNullable<LifeOptions['onRunning']>>[0] | undefined;
  const act: Record<Event['what'], (die: () => void) => void> = {
    managerDies: (die) => die(),
    somebodyStartsTheSource: () => {
      if (source.power === 'off') source.restart();
    },
    somebodyConnectsTheSource: byHand,
    connectionsBreak: () => source.cut(),
    // Refused where it may not be: whoever asks is told so.
    operatorGoesBack: () =>
      void send?.({ type: 'RollBack', data: { reason: 'asked', acceptLossOfTargetWrites: true } }, 'operator:ada'),
  };
  return small.live({
    goal,
    // A person who is asked looks, and finds that what is not known to be done has to be done again.
    outcome: 'notDone',
    onRunning: (sender) => (send = sender),
    // Some wait for a person for ever: a source that somebody has started is not retired.
    within: minutes(2),
    onStep: (at, die) => {
      for (const one of events) if (one.at === at) act[one.what](die);
      look();
    },
  });
}

/** What breaks the law, as far as the log can tell. */
async function brokenIn(log: EventLog): Promise<readonly Breach[]> {
  const entries: Entry[] = [];
  for await (const recorded of log.readStream('migration-small')) entries.push(entryOf(recorded));
  return judgeLog([neverBothConnected], entries, { isOver: false });
}

describe('source and target', () => {
  it('are never both running and connected, in every order of events', { timeout: 300_000 }, async () => {
    const endings = new Set<string>();
    const run = async (trials: readonly Trial[]): Promise<void> => {
      const small = smallMigration({ handOver: 'launch', onValidationFailure: 'rollBack', testLaunch: 'optional' });
      const watched = watch(small);
      const { fates, fails } = small.launch;
      let ending: Life['ending'] = 'died';
      for (const one of [...trials, calm, calm, calm]) {
        fates.clear();
        for (const { call, fate: next } of one.troubles) fates.set(call, [...(fates.get(call) ?? []), next]);
        fails.clear();
        for (const failing of one.fails) fails.add(failing);
        await takeUp(small);
        ({ ending } = await liveOnce(small, one, watched));
        endings.add(ending);
        expect(watched.broken).toEqual([]);
      }
      expect(await brokenIn(small.log)).toEqual([]);
      // Once nothing goes wrong any more it comes to an end, unless somebody keeps the source of a finalized one running.
      if (ending !== 'died') expect(['cutOver', 'finalized']).toContain(ending);
    };
    await fc.assert(fc.asyncProperty(fc.array(trial, { minLength: 1, maxLength: 4 }), run), { numRuns: 200 });
    // It has seen what it is about.
    for (const seen of ['cutOver', 'finalized', 'rolledBack', 'failed', 'died', 'blocked'])
      expect([...endings]).toContain(seen);
  });
});
