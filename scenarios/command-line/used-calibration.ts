import { dirname, resolve } from 'node:path';
import { Refused } from '#core/text/refused';
import { underCalibration, type CalibrationText } from '#scenarios/calibration-use';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import { decodeText } from '#scenarios/import/decode-text';
import { describeProblems } from '#scenarios/yaml-file';
import type { ReadBytes } from './read-bytes.ts';

/** A rehearsal under the calibration it uses, and the text of that: a thread applies it again. */
export interface CalibratedScenario {
  readonly calibration: CalibrationText | undefined;
  readonly scenario: RehearsalScenario;
}

/**
 * Reads the calibration that a scenario uses, from the folder of its file. Throws a `Refused` if it cannot be read or is
 * none.
 */
export async function withCalibration(
  scenario: RehearsalScenario,
  file: string,
  readBytes: ReadBytes,
): Promise<CalibratedScenario> {
  const calibration = scenario.use === undefined ? undefined : await textOf(scenario.use, file, readBytes);
  const used = underCalibration(scenario, calibration);
  if (!used.ok) throw new Refused(describeProblems(used.error));
  return { calibration, scenario: used.value };
}

async function textOf(use: string, file: string, readBytes: ReadBytes): Promise<CalibrationText> {
  const path = resolve(dirname(file), use);
  const read = await readBytes(path);
  if (read.ok) return { file: path, text: decodeText(read.value) };
  throw new Refused(
    `${file} uses the calibration ${path}, which cannot be read (${read.error}); make it with "sealift calibrate", or correct "use"`,
  );
}
