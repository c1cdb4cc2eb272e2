/** Work that is done so many at a time; the others wait in line, first come first served. */
export interface TaskLine {
  /** Calls `begin` when it is one's turn, at once if that is now. Answers how to leave: the line, or one's place in front. */
  enter(begin: () => void): () => void;
}

/** An empty line before so many desks. */
export function taskLine(desks: number): TaskLine {
  const line: (() => void)[] = [];
  let free = desks;
  return {
    enter(begin) {
      let isServed = false;
      let hasLeft = false;
      const serve = (): void => {
        isServed = true;
        begin();
      };
      const leave = (): void => {
        if (hasLeft) return;
        hasLeft = true;
        if (!isServed) {
          line.splice(line.indexOf(serve), 1);
          return;
        }
        const next = line.shift();
        if (next) next();
        else free += 1;
      };
      if (free > 0) {
        free -= 1;
        serve();
      } else line.push(serve);
      return leave;
    },
  };
}
