import type { Rng } from '#core/rng';
import { after, millis, ratio } from '#core/units';
import type { SimulatedProcess } from '#simulator/block/process';
import type { SimulatedClock } from '#simulator/kernel/simulated-clock';
import { packetLength } from './byte-pipe.ts';
import type { Link } from './link.ts';
import type { PieceMemory } from './piece-memory.ts';
import { streamEnd, type StreamEnd } from './stream-end.ts';

/** A process at one end of a connection. */
export interface EndPlace {
  readonly process: SimulatedProcess;
  readonly host: string;
}

/** What a connection is made of. */
export interface ConnectionOptions {
  readonly clock: SimulatedClock;
  readonly rng: Rng;
  readonly note: (label: string, value: string | number | boolean) => void;
  /** For what is noted. */
  readonly name: string;
  readonly link: Link;
  readonly pieces: PieceMemory;
  readonly near: EndPlace;
  readonly far: EndPlace;
  readonly isUp: (host: string) => boolean;
  /** Nobody is at that end any more. */
  readonly onGone: (end: 'near' | 'far') => void;
}

/** A connection, as the network has it. */
export interface SimulatedConnection {
  /** The end of who connected. */
  readonly near: StreamEnd;
  /** Lets the other end hear of it, `count` bytes later; what was written here comes after that. */
  openFar(count: number, open: (far: StreamEnd) => void): void;
  /** Resets both ends, each at a moment of its own. */
  cut(): void;
  /** From now on it carries nothing, and neither end hears of it. */
  stall(): void;
  /** A host has stopped: what is on it is gone without a word. */
  vanish(host: string): void;
}

// Until a system has cleaned up after a process that was killed, at most.
const cleanUpMax = 200;
// Between the two ends of a connection that is cut, at most.
const cutApartMax = 100;

/** A connection between two processes. Who they are to each other is theirs to show. */
export function connectionBetween(options: ConnectionOptions): SimulatedConnection {
  const { clock, rng, note, name, link, near, far, pieces } = options;
  /** What came for the far end before it knew of the connection. */
  const early: (() => void)[] = [];
  let isFarOpen = false;
  let stalled = false;
  /** An end that is gone is nothing that its process could lose. */
  const callOff = { near: (): void => undefined, far: (): void => undefined };
  const whenFarOpen = (act: () => void): void => {
    if (isFarOpen) act();
    else early.push(act);
  };
  const end = (here: EndPlace, other: () => StreamEnd, deliver: (act: () => void) => void): StreamEnd => {
    const direction = link.from(here.host);
    const drawn = rng.fork(here === near ? 'there' : 'back');
    return streamEnd({
      clock,
      rng: drawn,
      direction: { ...direction, passes: () => !stalled && direction.passes() },
      pieces,
      process: here.process,
      note: (label, value) => note(`${name}: ${label}`, value),
      onArrival: (arrival) => deliver(() => other().arrived(arrival)),
      onRead: (count) => other().pipe.wasRead(count),
      onGone: () => {
        callOff[here === near ? 'near' : 'far']();
        options.onGone(here === near ? 'near' : 'far');
      },
      sayReset: () => {
        clock.schedule(direction.arrival(packetLength, drawn), () => {
          if (!stalled && direction.passes()) deliver(() => other().reset());
        });
      },
    });
  };
  const ends: { readonly near: StreamEnd; readonly far: StreamEnd } = {
    near: end(near, () => ends.far, whenFarOpen),
    far: end(
      far,
      () => ends.near,
      (act) => act(),
    ),
  };
  callOff.near = endWithProcess(options, near, ends.near);
  callOff.far = endWithProcess(options, far, ends.far);
  return {
    near: ends.near,
    openFar: (count, open) => {
      const direction = link.from(near.host);
      const arrive = (): void => {
        if (!direction.passes()) return direction.whenHealed(arrive);
        isFarOpen = true;
        if (far.process.isAlive() && !ends.far.isGone) open(ends.far);
        for (const act of early.splice(0)) act();
      };
      clock.schedule(direction.arrival(count, rng), arrive);
    },
    cut: () => {
      cutEnd(options, 'near', ends.near, (act) => act());
      cutEnd(options, 'far', ends.far, whenFarOpen);
    },
    stall: () => {
      stalled = true;
    },
    vanish: (host) => {
      if (near.host === host) ends.near.vanish();
      if (far.host === host) ends.far.vanish();
    },
  };
}

/** Has the system of a process that is killed end its connection, a little later. */
function endWithProcess(
  { clock, rng, note, name, isUp }: ConnectionOptions,
  place: EndPlace,
  end: StreamEnd,
): () => void {
  return place.process.whenKilled(() => {
    if (end.isGone) return;
    const delay = rng.between(1, cleanUpMax);
    const how = rng.chance(ratio(1, 2)) ? 'orderly' : 'reset';
    clock.schedule(after(clock.now(), millis(delay)), () => {
      // The whole host may have gone with it; then nobody cleans up.
      if (end.isGone || !isUp(place.host)) return end.vanish();
      note(`${name}: ended with ${place.process.name}`, how);
      end.leave(how);
    });
  });
}

/** What is on its way is lost at once; that it is so is noticed later. */
function cutEnd(
  { clock, rng, note, name }: ConnectionOptions,
  which: 'near' | 'far',
  end: StreamEnd,
  deliver: (act: () => void) => void,
): void {
  const delay = rng.between(0, cutApartMax);
  note(`${name}: cut at the ${which} end after`, delay);
  end.pipe.lose();
  clock.schedule(after(clock.now(), millis(delay)), () => deliver(end.reset));
}
