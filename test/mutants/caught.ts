/** Who may catch a mutant: the search over charts and planner, the search over whole worlds, the tests it names. */
export const catcherNames = ['layerOne', 'worlds', 'tests'] as const;
/** The name of a catcher. */
export type CatcherName = (typeof catcherNames)[number];

/** What caught a mutant. */
export interface Caught {
  readonly catcher: CatcherName;
  /** The law it broke, where that was said. */
  readonly law: string | null;
  /** The law or test, for a person. */
  readonly by: string;
  /** The test file, where it was one. */
  readonly file: string | null;
  /** How many seeds or draws it took; null where nothing was drawn. */
  readonly seeds: number | null;
}
