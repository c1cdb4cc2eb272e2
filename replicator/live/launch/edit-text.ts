import type { PlannedEdit } from '#core/migration/facts';
import type { Edit } from '#core/ports/fix-up';
import { differenceLines } from '#replicator/fixup/text-difference';

// A whole GRUB configuration is no reading matter for a log; the file itself is in the overlay.
const changeMax = 4_000;

/** An edit as it is kept in the log. */
export function plannedEdit({ id, what, why, path, before, after, run, keeps = '' }: Edit): PlannedEdit {
  const change = run ? `run: ${run.join(' ')}` : diffOf(path, before, after);
  const shown = change.length <= changeMax ? change : `${change.slice(0, changeMax)}\n... shortened`;
  return { id, what, why, path, change: shown, keeps };
}

function diffOf(path: string, before: string | undefined, after: string | undefined): string {
  const [from, to] = [before, after].map((text) => (text === undefined ? '/dev/null' : path));
  return [`--- ${from}`, `+++ ${to}`, ...differenceLines(before ?? '', after ?? '')].join('\n');
}
