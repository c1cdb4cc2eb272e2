import type { RegistryValue } from '#core/ports/windows-guest';
import { err, ok, type Result } from '#core/result';

/*
 * Registry text, as `.reg` files have it. It says what is so: a key with values, a value that is not there (`"x"=-`), a
 * key that is not there (`[-key]`). Merged into a hive it makes so what it says; held against one it is true or not.
 *
 *     [HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\LSI_SAS]
 *     "Start"=dword:00000000
 *
 *     [-HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\LSI_SAS\StartOverride]
 */

/** What is said of one key. */
export type KeyState =
  | { readonly key: string; readonly isAbsent: true }
  /** It is there, and so are these values; undefined for one that is not. Nothing is said of others. */
  | {
      readonly key: string;
      readonly isAbsent?: never;
      readonly values: ReadonlyMap<string, RegistryValue | undefined>;
    };

/** Reads registry text. Errors are sentences. */
export function parseRegistryText(text: string): Result<readonly KeyState[], string> {
  const states: KeyState[] = [];
  let values: Map<string, RegistryValue | undefined> | undefined;
  for (const line of joined(text)) {
    if (/^\s*(;.*)?$/.test(line) || /^(Windows Registry Editor Version |REGEDIT)/.test(line)) continue;
    const [, minus, key] = /^\[(-?)(.+)\]\s*$/.exec(line) ?? [];
    if (key !== undefined) {
      values = minus === '-' ? undefined : new Map();
      states.push(values === undefined ? { key, isAbsent: true } : { key, values });
      continue;
    }
    const said = /^(?:@|"((?:[^"\\]|\\.)*)")=(.*)$/.exec(line);
    if (said === null || values === undefined) return err(`"${line.slice(0, 80)}" is no line of a registry text here`);
    const name = unescaped(said[1] ?? '');
    const data = (said[2] ?? '').trim();
    const value = data === '-' ? ok(undefined) : parseValue(data);
    if (!value.ok) return err(`${name || 'the default value'}: ${value.error}`);
    values.set(name, value.value);
  }
  return ok(states);
}

/** Writes registry text: the same states in the same order, one line a value, an empty line between keys. */
export const registryText = (states: readonly KeyState[]): string =>
  states
    .map((state) => {
      if (state.isAbsent) return `[-${state.key}]\n`;
      const lines = [...state.values].map(([name, value]) => `${nameText(name)}=${valueText(value)}\n`);
      return `[${state.key}]\n${lines.join('')}`;
    })
    .join('\n');

/** Whether two values are the same to Windows. */
export const isSameValue = (one: RegistryValue | undefined, other: RegistryValue | undefined): boolean =>
  one === undefined || other === undefined ? one === other : valueText(one) === valueText(other);

// regedit breaks long data with a backslash at the end of a line.
const joined = (text: string): readonly string[] => text.replaceAll(/\\[ \t]*\r?\n[ \t]*/g, '').split(/\r?\n/);

const numbers = { string: 1, expandable: 2, binary: 3, number: 4, strings: 7 } as const;

function parseValue(data: string): Result<RegistryValue, string> {
  const quoted = /^(?:str\(([0-9a-f]+)\):|str:)?"((?:[^"\\]|\\.)*)"$/i.exec(data);
  if (quoted !== null) {
    const kind = Number.parseInt(quoted[1] ?? '1', 16);
    if (kind !== numbers.string && kind !== numbers.expandable) return err(`${kind} is no kind of string`);
    return ok({ type: kind === numbers.string ? 'string' : 'expandable', text: unescaped(quoted[2] ?? '') });
  }
  const number = /^dword:([0-9a-f]{1,8})$/i.exec(data)?.[1];
  if (number !== undefined) return ok({ type: 'number', number: Number.parseInt(number, 16) });
  const [, kind, list] = /^hex(?:\(([0-9a-f]+)\))?:((?:[0-9a-f]{2}(?:,|$))*)$/i.exec(data) ?? [];
  if (list === undefined) return err(`"${data.slice(0, 40)}" is no value`);
  return ok(valueOf(kind === undefined ? numbers.binary : Number.parseInt(kind, 16), list.replaceAll(',', '')));
}

function valueOf(kind: number, hex: string): RegistryValue {
  const bytes: RegistryValue = { type: 'bytes', kind, hex: hex.toLowerCase() };
  const data = Buffer.from(hex, 'hex');
  if (kind === numbers.number && data.length === 4) return { type: 'number', number: data.readUInt32LE() };
  if (kind !== numbers.string && kind !== numbers.expandable && kind !== numbers.strings) return bytes;
  // Half a code unit, or a string that ends twice: shown as it is, since no text would give it back.
  if (data.length % 2 !== 0) return bytes;
  const text = data.toString('utf16le');
  if (kind === numbers.strings) {
    const texts = text.replace(/\0+$/, '').split('\0');
    return { type: 'strings', texts: texts.length === 1 && texts[0] === '' ? [] : texts };
  }
  const content = text.replace(/\0$/, '');
  if (content.includes('\0')) return bytes;
  return { type: kind === numbers.string ? 'string' : 'expandable', text: content };
}

function valueText(value: RegistryValue | undefined): string {
  switch (value?.type) {
    case undefined:
      return '-';
    case 'number':
      return `dword:${value.number.toString(16).padStart(8, '0')}`;
    case 'bytes':
      return hexText(value.kind, Buffer.from(value.hex, 'hex'));
    case 'strings':
      return hexText(numbers.strings, Buffer.from(`${value.texts.map((text) => `${text}\0`).join('')}\0`, 'utf16le'));
    case 'expandable':
      return hexText(numbers.expandable, Buffer.from(`${value.text}\0`, 'utf16le'));
    case 'string':
      // What merges the text takes bytes for letters, so that a letter of several bytes would become several.
      return /^[\x20-\x7e]*$/.test(value.text)
        ? `"${escaped(value.text)}"`
        : hexText(numbers.string, Buffer.from(`${value.text}\0`, 'utf16le'));
  }
}

const hexText = (kind: number, data: Buffer): string => {
  const prefix = kind === numbers.binary ? 'hex:' : `hex(${kind.toString(16)}):`;
  return prefix + [...data].map((byte) => byte.toString(16).padStart(2, '0')).join(',');
};

const nameText = (name: string): string => (name === '' ? '@' : `"${escaped(name)}"`);
const escaped = (text: string): string => text.replaceAll(/["\\]/g, '\\$&');
const unescaped = (text: string): string => text.replaceAll(/\\(.)/g, '$1');
