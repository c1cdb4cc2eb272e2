import type { Check } from '#core/migration/facts';
import type { Edit, FixUpTarget, GuestImage } from '#core/ports/fix-up';

/** What one system asks for. Order within it is kept. */
export interface SystemPlan {
  readonly edits: readonly Edit[];
  readonly findings: readonly Check[];
}

/** What systems see of each other: edits planned so far. An initramfs is rebuilt after all that goes into it. */
export interface PlanContext {
  readonly image: GuestImage;
  readonly target: FixUpTarget;
  readonly planned: readonly Edit[];
}

/** One part of a guest that fix-up knows: pure, and without edits once its edits were made. */
export interface FixUpSystem {
  /** First part of the ids of its edits and findings. */
  readonly name: string;
  plan(context: PlanContext): SystemPlan;
}

/**
 * Makes a system of two halves: `collect` reads a model out of the guest's files (undefined: this guest has no such
 * system), `render` says what the files have to be.
 */
export function fixUpSystem<Model>(
  name: string,
  {
    collect,
    render,
  }: {
    readonly collect: (image: GuestImage) => Model | undefined;
    readonly render: (model: Model, context: PlanContext) => SystemPlan;
  },
): FixUpSystem {
  return {
    name,
    plan: (context) => {
      const model = collect(context.image);
      return model === undefined ? nothing : render(model, context);
    },
  };
}

/** No edit and no finding. */
export const nothing: SystemPlan = { edits: [], findings: [] };

/** One plan of many, in their order. */
export const together = (plans: readonly SystemPlan[]): SystemPlan => ({
  edits: plans.flatMap(({ edits }) => edits),
  findings: plans.flatMap(({ findings }) => findings),
});

/**
 * Where originals are kept: in one folder and not beside the file, because many folders (conf.d, rules.d, entries) are
 * read whole, and a second file in them would be read as well.
 */
export const keptAt = (path: string): string => `/var/lib/sealift/before${path}`;

/** What is said of an edit. */
export interface EditWords {
  readonly system: string;
  readonly what: string;
  readonly why: string;
}

/** The edit that makes a file's text `after` (undefined: takes it away), or none if it is that already. */
export function textEdit(
  image: GuestImage,
  path: string,
  after: string | undefined,
  { system, what, why }: EditWords,
  mode = 0o644,
): readonly Edit[] {
  const before = image.files[path];
  if (before === after) return [];
  return [
    {
      id: `${system}:${path}`,
      ...{ what, why, path },
      ...(before !== undefined && { before, keeps: keptAt(path) }),
      ...(after !== undefined && { after }),
      ...(before === undefined && { mode }),
    },
  ];
}

/** Something a person should know and that does not stand in the way. */
export const warning = (id: string, message: string, remedy: string): Check => ({
  ...{ id, message, remedy },
  verdict: 'warning',
});

/** Something that stands in the way. */
export const failed = (id: string, message: string, remedy: string): Check => ({
  ...{ id, message, remedy },
  verdict: 'failed',
});

/** Something that was looked at and is as it should be. */
export const passed = (id: string, message: string): Check => ({ id, message, remedy: '', verdict: 'passed' });
