import type { WaveBoard } from './wave-board.ts';

/**
 * Finds out which members never move in this wave: those that are through without having moved, that may not begin any
 * more, that come after such a one, or whose application cuts over together with such a one and has not begun.
 *
 * Applications that have not begun are looked at as one, so that no question leads back to itself: the order of units has
 * no cycle. O(members + order) for all of them.
 */
export function neverMoves(board: WaveBoard): (index: number) => boolean {
  const { shape } = board;
  const members = new Map<number, boolean>();
  const units = new Map<number, boolean>();

  const leaves = (index: number): boolean => {
    const known = members.get(index);
    if (known !== undefined) return known;
    members.set(index, false);
    const found = findOut(index);
    members.set(index, found);
    return found;
  };

  const findOut = (index: number): boolean => {
    if (board.has(index, 'moved')) return false;
    if (board.has(index, 'through')) return true;
    if (board.has(index, 'cuttingOver')) return false;
    const unit = shape.unitOf[index] ?? 0;
    if ((shape.units[unit]?.members.length ?? 0) > 1 && !board.isBegun(unit)) return unitLeaves(unit);
    return isOut(index) || (shape.before[index] ?? []).some(leaves);
  };

  const unitLeaves = (unit: number): boolean => {
    const known = units.get(unit);
    if (known !== undefined) return known;
    units.set(unit, false);
    const found = (shape.units[unit]?.members ?? []).some(
      (index) =>
        board.has(index, 'through') ||
        isOut(index) ||
        (shape.before[index] ?? []).some((other) => shape.unitOf[other] !== unit && leaves(other)),
    );
    units.set(unit, found);
    return found;
  };

  const isOut = (index: number): boolean => board.isLate(index) || board.isKeptApart(index);
  return leaves;
}
