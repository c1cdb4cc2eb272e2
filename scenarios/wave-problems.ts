import type { z } from 'zod';
import type { Instant } from '#core/units';
import { fitsPattern } from './name-pattern.ts';
import { nearestWord } from './nearest-word.ts';
import {
  windowFrom,
  type apartSchema,
  type ScenarioWave,
  type applicationsSchema,
  type waveSchema,
  type wavesSchema,
} from './wave-schema.ts';

/** What a scenario says of its waves, before its windows are counted from its start. */
export interface WaveTexts {
  readonly starts: Instant;
  readonly wave?: z.output<typeof waveSchema> | undefined;
  readonly waves?: z.output<typeof wavesSchema> | undefined;
}

interface WaveEstate {
  readonly vms: readonly { readonly name: string; readonly application?: string | undefined }[];
  readonly hosts: readonly { readonly name: string }[];
  readonly links: readonly { readonly name: string }[];
  readonly generate?: unknown;
}

/** One mistake, and the keys that lead to it. */
export interface WaveProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What does not fit in what a scenario says of its waves. What could not be read, by its keys, is not looked into. */
export function waveProblems(texts: WaveTexts, unread: readonly (readonly PropertyKey[])[]): readonly WaveProblem[] {
  const { starts, wave, waves } = texts;
  const problems: WaveProblem[] = [];
  const look = (path: WaveProblem['path'], { window }: NonNullable<WaveTexts['wave']>): void => {
    const below = [...path, 'window'];
    if (unread.some((keys) => keys[0] === 'starts' || below.every((key, n) => keys[n] === key))) return;
    const found = windowFrom(starts, window);
    if ('message' in found) problems.push({ path: [...below, found.key], message: found.message });
  };
  if (!wave && !waves) problems.push({ path: ['wave'], message: 'must be there, or "waves" must list some' });
  if (wave && waves) problems.push({ path: ['waves'], message: 'must be left out where there is "wave"' });
  if (wave) look(['wave'], wave);
  const ids = (waves ?? []).map(({ id }) => String(id));
  waves?.forEach((each, at) => {
    look(['waves', at], each);
    if (ids.indexOf(each.id) < at) problems.push({ path: ['waves', at, 'id'], message: 'must not be used twice' });
    each.after?.forEach((name, n) => {
      const path = ['waves', at, 'after', n];
      if (!ids.includes(name)) problems.push({ path, message: named('a wave', name, ids) });
      else if (ids.indexOf(name) >= at) problems.push({ path, message: 'must be the name of a wave listed before' });
    });
  });
  return problems;
}

/** What patterns may be in: waves as a scenario says them, and the whole estate. */
export interface PatternTexts {
  readonly wave: Pick<ScenarioWave, 'limits'>;
  readonly waves: readonly ScenarioWave[];
  readonly applications?: z.output<typeof applicationsSchema> | undefined;
  readonly apart?: z.output<typeof apartSchema> | undefined;
  readonly estate: WaveEstate;
}

/** Patterns that stand for nothing. What is made from the seed is not known here. */
export function patternProblems({
  wave,
  waves,
  applications = {},
  apart = {},
  estate,
}: PatternTexts): readonly WaveProblem[] {
  if (estate.generate) return [];
  const vms = estate.vms.map(({ name }) => name);
  const all = [...Object.keys(applications), ...estate.vms.flatMap(({ application }) => application ?? [])];
  const hosts = estate.hosts.map(({ name }) => name);
  const places = [
    ...hosts.map((name) => `host ${name}`),
    ...estate.links.map(({ name }) => `link ${name}`),
    'gateway',
    'receiver',
  ];
  const look = (path: WaveProblem['path'], patterns: readonly string[], kind: string, known: readonly string[]) =>
    patterns.flatMap((pattern, n): readonly WaveProblem[] => {
      if (known.some((name) => fitsPattern(pattern, name))) return [];
      const meant = nearestWord(pattern, known);
      return [
        { path: [...path, n], message: `fits no ${kind}${meant === undefined ? '' : `; did you mean ${meant}?`}` },
      ];
    });
  const tokens = (path: WaveProblem['path'], named: Readonly<Record<string, number>> = {}) =>
    Object.keys(named).flatMap((name) =>
      look([], [name], 'host, link, gateway or receiver', places).map(({ message }) => ({
        path: [...path, name],
        message,
      })),
    );
  return [
    ...(waves.length > 0 ? [] : tokens(['wave', 'limits', 'tokens'], wave.limits.tokens)),
    ...waves.flatMap(({ select, limits }, at) => [
      ...tokens(['waves', at, 'limits', 'tokens'], limits.tokens),
      ...(select === 'rest'
        ? []
        : [
            ...look(['waves', at, 'select', 'vms'], select.vms ?? [], 'VM', vms),
            ...look(['waves', at, 'select', 'hosts'], select.hosts ?? [], 'host', hosts),
            ...look(['waves', at, 'select', 'applications'], select.applications ?? [], 'application', all),
          ]),
    ]),
    ...Object.entries(applications).flatMap(([name, each]) => [
      ...look(['applications', name, 'vms'], each.vms, 'VM', vms),
      ...each.after.flatMap((other, n) =>
        all.includes(other)
          ? []
          : [{ path: ['applications', name, 'after', n], message: named('an application', other, all) }],
      ),
    ]),
    ...Object.entries(apart).flatMap(([name, patterns]) => look(['apart', name], patterns, 'VM', vms)),
  ];
}

function named(kind: string, name: string, known: readonly string[]): string {
  const meant = nearestWord(name, known);
  return `must be the name of ${kind}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}
