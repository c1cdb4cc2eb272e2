import { dirname, isAbsolute, join } from 'node:path';
import { Refused } from '#core/text/refused';
import { decodeText } from '#scenarios/import/decode-text';
import type { EstateText } from '#scenarios/load';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { Scenario } from '#scenarios/scenario';
import type { ReadBytes } from './read-bytes.ts';
import type { CalibratedScenario } from './used-calibration.ts';

/** A scenario, and the texts it was loaded from: a thread loads it again. */
export interface ReadScenario<S extends Scenario = RehearsalScenario> {
  /** Where it was found. */
  readonly file: string;
  readonly text: string;
  readonly estate: EstateText | undefined;
  readonly scenario: S;
}

/** A rehearsal under the calibration that it uses. */
export interface ReadRehearsal extends ReadScenario, CalibratedScenario {
  readonly scenario: RehearsalScenario;
}

/** Loads a scenario and the estate file that it names. Refuses with all that is wrong in both. */
export async function readScenario(file: string, readBytes: ReadBytes): Promise<ReadScenario<Scenario>> {
  const { describeScenarioError, estateFileNamed, loadScenario } = await import('#scenarios/load');
  const read = await readBytes(file);
  if (!read.ok) throw new Refused(`${file} cannot be read (${read.error}); give the path of a scenario file`);
  const text = decodeText(read.value);
  const estate = await estateIn(estateFileNamed(text), file, readBytes);
  const loaded = loadScenario(text, file, estate);
  if (!loaded.ok) throw new Refused(describeScenarioError(loaded.error));
  return { file, text, estate, scenario: loaded.value };
}

/** The same for a scenario of kind "rehearsal"; `command` is who wants one. */
export async function readRehearsal(file: string, command: string, readBytes: ReadBytes): Promise<ReadRehearsal> {
  const { scenario, ...read } = await readScenario(file, readBytes);
  if (scenario.kind !== 'rehearsal')
    throw new Refused(`${file} is of kind "${scenario.kind}"; ${command} takes one of kind "rehearsal"`);
  const { withCalibration } = await import('./used-calibration.ts');
  return { ...read, ...(await withCalibration(scenario, file, readBytes)) };
}

async function estateIn(
  named: string | undefined,
  file: string,
  readBytes: ReadBytes,
): Promise<EstateText | undefined> {
  if (named === undefined) return undefined;
  const path = isAbsolute(named) ? named : join(dirname(file), named);
  const read = await readBytes(path);
  return read.ok ? { file: path, text: decodeText(read.value) } : { file: path, unreadable: read.error };
}
