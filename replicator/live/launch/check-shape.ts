import type { Check } from '#core/migration/facts';

/** Reads a check that somebody else says was made; undefined if it is none. */
export function checkShape(value: unknown): Check | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, verdict, message, remedy } = value as Record<string, unknown>;
  if (typeof id !== 'string' || typeof message !== 'string') return undefined;
  if (verdict !== 'passed' && verdict !== 'warning' && verdict !== 'failed') return undefined;
  return { id, verdict, message, remedy: typeof remedy === 'string' ? remedy : '' };
}
