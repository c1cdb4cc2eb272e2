import type { Rng } from '#core/rng';
import { after, instant, millis, seconds, type Millis, type Ratio } from '#core/units';
import type { SimulatedProcess } from '#simulator/block/process';
import { settledNothing, type SimulatedClock } from '#simulator/kernel/simulated-clock';
import { packetLength } from './byte-pipe.ts';
import type { Note } from './hosts.ts';
import type { Link } from './link.ts';
import type { SimulatedNetwork } from './simulated-network.ts';

/*
 * Calls of management interfaces: a request, something that is done for it, an answer. They share the hosts and links of
 * the network, and what can become of one is what a caller has to live with:
 *
 *     request ----> done ----> answer          answered
 *     request -x                               neverSent: certainly not done
 *     request ----> refused -> answer          refused: certainly not done
 *     request ----> done ----x                 answerLost: done
 *     request ----...(caller gives up)-> done  answerLost: not done, not yet
 */

/** What became of a call, as the caller can know it. */
export type CallOutcome<T> =
  | { readonly type: 'answered'; readonly answer: T }
  /** There was no connection: it was not done and will not be. */
  | { readonly type: 'neverSent'; readonly detail: string }
  /** The service answers that it does not do it now. */
  | { readonly type: 'refused'; readonly detail: string }
  /** It was sent and no answer came: it was done, or will be yet, or never. */
  | { readonly type: 'answerLost'; readonly detail: string };

/** How calls go wrong for a while. */
export interface CallTrouble {
  /** `late`: done, but after the caller has given up. `twice`: done again a little later, which nobody hears of. */
  readonly fate: 'neverSent' | 'refused' | 'answerLost' | 'late' | 'twice';
  /** How likely, for each call. */
  readonly chance: Ratio;
  /** The host that is called. */
  readonly to: string;
  /** Only calls of this name. */
  readonly name?: string;
}

/** Whom a call goes to. */
export interface CallPlace {
  /** The host of the caller. */
  readonly from: string;
  readonly to: string;
  /** What is called, for the notes. */
  readonly name: string;
}

/** Calls over a simulated network. Each takes a time of its own, so that one may overtake another. */
export interface SimulatedCalls {
  /** Has `act` done at the other host. Never rejects; of a caller that is dead by then, never settles. */
  call<T>(caller: SimulatedProcess, place: CallPlace, act: () => T | Promise<T>): Promise<CallOutcome<T>>;
  /** From now on calls may go wrong in this way too, until what it returns is called. */
  trouble(trouble: CallTrouble): () => void;
}

/** What calls are made of. */
export interface SimulatedCallsOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: Note;
  readonly network: Pick<SimulatedNetwork, 'link' | 'isUp'>;
  /** What a service takes for a call, at most. */
  readonly serviceMax?: Millis;
  /** How long a caller waits for an answer. */
  readonly patience?: Millis;
}

// A request that goes through a pool of tasks, on a service that has others to serve as well.
const serviceDefault = millis(50);
const patienceDefault = seconds(30);
// How long after its caller gave up a late request is done, at most.
const lateMax = seconds(30);
// How long until a request that was sent twice comes again, at most.
const againMax = seconds(5);

/** Calls without trouble. */
export function simulatedCalls(options: SimulatedCallsOptions): SimulatedCalls {
  const { clock, rng, note, network, patience = patienceDefault, serviceMax = serviceDefault } = options;
  const troubles = new Set<CallTrouble>();
  const counts = new Map<string, number>();
  const fateOf = (place: CallPlace, drawn: Rng): CallTrouble['fate'] | undefined => {
    let fate: CallTrouble['fate'] | undefined;
    for (const { to, name, chance, fate: wrong } of troubles)
      if (to === place.to && (name ?? place.name) === place.name && drawn.chance(chance)) fate ??= wrong;
    if (fate) note(`${place.from} calls ${place.name} of ${place.to}`, fate);
    return fate;
  };
  return {
    call: (caller, place, act) => {
      const name = `${place.from} ${place.to} ${place.name}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      const drawn = rng.fork(`${name} ${count}`);
      const fate = fateOf(place, drawn);
      return new Promise((resolve) => {
        if (!caller.isAlive()) return;
        const settle = (outcome: CallOutcome<Awaited<ReturnType<typeof act>>>): void => {
          late.cancel();
          if (caller.isAlive()) resolve(outcome);
        };
        let isSent = false;
        const detail = `${place.name} of ${place.to} did not answer within ${patience / 1_000} s`;
        const giveUp = (): void => settle({ type: isSent ? 'answerLost' : 'neverSent', detail });
        const late = clock.schedule(after(clock.now(), patience), giveUp);
        const trip = tripOf(clock, network.link(place.from, place.to), place, drawn);
        const service = millis(serviceMax > 0 ? drawn.between(0, serviceMax) : 0);
        const delay = fate === 'late' ? patience + drawn.between(1, lateMax) : 0;
        trip.there(() => {
          if (fate === 'neverSent') return trip.back(() => settle({ type: 'neverSent', detail: 'connection refused' }));
          if (fate === 'refused') return trip.back(() => settle({ type: 'refused', detail: 'it is too busy' }));
          isSent = true;
          const perform = async (): Promise<void> => {
            // Nobody is there any more who would do it.
            if (!network.isUp(place.to)) return;
            const answer = await act();
            if (fate !== 'answerLost') trip.back(() => settle({ type: 'answered', answer }));
          };
          clock.schedule(after(clock.now(), millis(service + delay)), () => void perform());
          if (fate === 'twice') {
            const again = after(clock.now(), millis(service + drawn.between(1, againMax)));
            clock.schedule(again, () => void act());
          }
          return settledNothing;
        });
      });
    },
    trouble: (trouble) => {
      troubles.add(trouble);
      return () => void troubles.delete(trouble);
    },
  };
}

/** The way of one call, there and back. What is lost on it is not sent again: the caller gives up first. */
function tripOf(clock: SimulatedClock, link: Link, { from, to }: CallPlace, drawn: Rng) {
  const go = (host: string, then: () => unknown): typeof settledNothing => {
    const direction = link.from(host);
    const arrive = (): unknown => (direction.passes() ? then() : settledNothing);
    clock.schedule(instant(direction.arrival(packetLength, drawn)), arrive);
    return settledNothing;
  };
  return { there: (then: () => unknown) => go(from, then), back: (then: () => unknown) => go(to, then) };
}
