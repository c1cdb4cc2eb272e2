import { LineCounter, parseDocument } from 'yaml';
import { err, ok, type Result } from '#core/result';

/** Reads JSON, or says on which line it stops being any. */
export function parseJson(text: string): Result<unknown, { readonly line?: number; readonly message: string }> {
  try {
    return ok(JSON.parse(text) as unknown);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const line = firstMistake(text);
    const message = 'is not valid JSON; write it again with the tool that it comes from';
    return err({ ...(line !== undefined && { line }), message });
  }
}

// The parser of JSON says where it stopped only in words, and not always. JSON is YAML as well, whose parser does say it;
// but it takes its time.
const lookedAtMax = 1_000_000;
function firstMistake(text: string): number | undefined {
  if (text.length > lookedAtMax) return undefined;
  const lines = new LineCounter();
  const [mistake] = parseDocument(text, { lineCounter: lines, prettyErrors: false }).errors;
  return mistake && Math.max(1, lines.linePos(mistake.pos[0]).line);
}

/** What lies below some keys, one below the other; nothing if one is missing. */
export function below(value: unknown, ...keys: readonly string[]): unknown {
  let at = value;
  for (const key of keys) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return at;
}

/** A text that is not empty. */
export const textAt = (value: unknown, ...keys: readonly string[]): string | undefined => {
  const found = below(value, ...keys);
  return typeof found === 'string' && found.trim() !== '' ? found.trim() : undefined;
};

/** A size or count, written as a number or as its digits. */
export const numberAt = (value: unknown, ...keys: readonly string[]): number | undefined => {
  const found = below(value, ...keys);
  const number = typeof found === 'string' && /^\d+$/.test(found) ? Number(found) : found;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
};

/** A list. One thing that is no list stands for a list of it, as PowerShell writes one. */
export const listAt = (value: unknown, ...keys: readonly string[]): readonly unknown[] => {
  const found = below(value, ...keys);
  if (found === undefined || found === null) return [];
  return Array.isArray(found) ? found : [found];
};
