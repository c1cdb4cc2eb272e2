/** Work of which only one runs at a time, in the order in which it came. */
export interface OneAtATime {
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps work apart that must not overlap. What rejects does not keep the next from its turn. */
export function oneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve();
  return {
    alone: (work) => {
      const done = last.then(work, work);
      last = done.catch(() => undefined);
      return done;
    },
  };
}
