import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import { assumptionRows, assumptionsWith } from '#simulator/flow/assumptions';
import type { Constant } from '#simulator/flow/constant';
import { constantText } from '#simulator/flow/constant-text';
import type { ReportAssumption } from './report-input.ts';

/** What a rehearsal takes for granted: what its scenario, or the calibration it uses, says otherwise comes first. */
export function assumptionsUsed({ assumptions }: Pick<RehearsalScenario, 'assumptions'>): readonly ReportAssumption[] {
  const used = assumptionsWith(assumptions) as unknown;
  const rows = assumptionRows().map(({ path, constant }) => {
    const name = path.join('.');
    const usual = constantText(constant);
    const value = constantText({ kind: constant.kind, value: at(used, path) });
    const isOwn = value !== usual;
    return { name, value, source: isOwn ? `this scenario; otherwise ${usual}` : constant.source, isOwn };
  });
  return [...rows.filter(({ isOwn }) => isOwn), ...rows.filter(({ isOwn }) => !isOwn)].map(
    ({ name, value, source }) => ({ name, value, source }),
  );
}

const at = (tree: unknown, path: readonly string[]): Constant['value'] =>
  path.reduce<unknown>((below, key) => (below as Readonly<Record<string, unknown>>)[key], tree) as Constant['value'];
