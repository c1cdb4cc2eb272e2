import { ok, type Result } from '#core/result';
import { assumedFrom, changesOver } from '#simulator/calibration/assumption-changes';
import { loadCalibration } from './calibration-file.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';
import type { FileProblem } from './yaml-file.ts';

/** The calibration file that a scenario uses, as whoever loads the scenario has read it. */
export interface CalibrationText {
  readonly file: string;
  readonly text: string;
}

/**
 * A scenario under the calibration that it uses: what was measured holds instead of what is assumed, and what the scenario
 * says itself holds above both. Without one the scenario stays as it is.
 */
export function underCalibration(
  scenario: RehearsalScenario,
  used: CalibrationText | undefined,
): Result<RehearsalScenario, readonly FileProblem[]> {
  if (!used) return ok(scenario);
  const calibration = loadCalibration(used.text, used.file);
  if (!calibration.ok) return calibration;
  return ok({ ...scenario, assumptions: changesOver(assumedFrom(calibration.value), scenario.assumptions) });
}
