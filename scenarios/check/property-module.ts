import { breaks, migrationLaw, type Law } from '#core/laws/law';
import { laws } from '#core/laws/laws';
import { waveMemory } from '#core/laws/wave-memory';
import { Refused } from '#core/text/refused';

/** What a module that is not in this package may take to make a law of. */
export interface LawTools {
  readonly migrationLaw: typeof migrationLaw;
  readonly breaks: typeof breaks;
}

/**
 * The laws that a module exports: each export that is a `Law`, or a function that makes one of `LawTools`. Refused if
 * there is none, or if one has the name of a law that is there already.
 */
export function lawsOfModule(module: Readonly<Record<string, unknown>>): readonly Law[] {
  const exported = Object.entries(module).map(([name, value]) =>
    typeof value === 'function' ? made(name, value as Maker) : value,
  );
  const found = exported.filter(isLaw);
  if (found.length === 0)
    throw new Refused('the property file exports no law: export one with id, slug, statement, incident and begin');
  for (const { id, begin } of found) {
    if (!/^L\d+$/.test(id)) throw new Refused(`a law of the property file is named ${id}; name it like L101`);
    if (laws.some((law) => law.id === id))
      throw new Refused(`a law of the property file is named ${id}, as one of Sealift's own; name it like L101`);
    if (!isJudge(begun(id, begin)))
      throw new Refused(
        `begin of ${id} gives no judge: a judge has of(type), which gives take(entry), and perhaps end`,
      );
  }
  return found;
}

type Maker = (tools: LawTools) => unknown;

/** What a function of the module makes of the tools. Whatever is wrong with it is for its author to be told. */
function made(name: string, make: Maker): unknown {
  try {
    return make({ migrationLaw, breaks });
  } catch (error) {
    throw new Refused(
      `${name} of the property file does not make a law: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What its `begin` gives. Asked once before anything is judged, so that its author hears of a mistake at once. */
function begun(id: string, begin: Law['begin']): unknown {
  try {
    return begin(undefined, waveMemory());
  } catch (error) {
    throw new Refused(`begin of ${id} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const isJudge = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'of' in value && typeof value.of === 'function';

function isLaw(value: unknown): value is Law {
  if (typeof value !== 'object' || value === null) return false;
  const { id, slug, statement, incident, begin } = value as Partial<Record<keyof Law, unknown>>;
  return [id, slug, statement, incident].every((text) => typeof text === 'string') && typeof begin === 'function';
}
