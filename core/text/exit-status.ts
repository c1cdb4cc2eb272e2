/**
 * How a command ended, as its exit status: a script can tell one kind of ending from another. 0 to 2 mean what they mean
 * everywhere; 130 is what shells use for an interrupt.
 */
export const exitStatus = {
  /** Everything that was asked was done. */
  done: 0,
  /** This program is wrong: please report it. */
  bug: 1,
  /** The command, a file it was given, or an argument makes no sense. Nothing was begun. */
  usage: 2,
  /** A check failed, or a person has to decide: the reason and the remedy were printed. */
  blocked: 3,
  /** The cutover failed or was called off, and the source was given back as it was found. */
  rolledBack: 4,
  /** It failed in a way that a person has to look at. */
  failed: 5,
  /** An endpoint, a program or the event log could not be reached or used. What was durable is kept. */
  unavailable: 6,
  /** What was compared differs: source and replica, or two runs. */
  different: 7,
  /** In a world that was searched, this program found itself to be wrong. */
  crashed: 127,
  /** In a world that was searched, somebody did not come to an end although nothing went wrong any more. */
  notLive: 128,
  /** A law that every log must satisfy is broken. */
  lawBroken: 129,
  /** Stopped by whoever ran it; the same command goes on where it was. */
  interrupted: 130,
} as const;

/** One of the exit statuses above. */
export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** The table for `--help`, a line each. */
export const exitStatusHelp = `Exit status:
  0    done                     4    rolled back: the source runs as it was found
  1    a bug in sealift         5    failed: a person has to look
  2    wrong arguments or plan  6    an endpoint, program or log is not available
  3    blocked: see the remedy  7    what was compared differs
  127  a searched world crashed sealift
  128  in a searched world not everyone came to an end
  129  a law is broken: see sealift audit laws
  130  interrupted: run the same command again to go on`;
