import type { MigrationId } from '#core/ids';
import { instant, millis, minutes } from '#core/units';
import { forecaster } from '#scenarios/forecast';
import type { RehearsalSummary } from '#scenarios/rehearsal-summary';
import type { ReportInput } from '#scenarios/report/report-input';
import { memberSummary, rehearsalSummary } from './summaries.ts';

/** A name that would be a script on a page that believed it. */
export const hostileName = `<img src="https://example.invalid/x" onerror="alert('x')">`;

// No migration may have such a name; a page must not rely on that.
const hostile = { migration: hostileName as MigrationId };
const hour = minutes(60);
const window = { opens: millis(2 * hour), closes: millis(4 * hour) };

/** Made-up seeds of so many VMs; each seed a little later than the one before, and in each fifth a VM stays behind. */
export function sampleSeeds(seeds: number, vms: number): readonly RehearsalSummary[] {
  return Array.from({ length: seeds }, (_none, seed) => {
    const lastMoved = millis(3 * hour + seed * minutes(1));
    const stays = seed % 5 === 4;
    const members = Array.from({ length: vms }, (_vm, i) =>
      stays && i === seed % vms
        ? memberSummary(`vm-${i}`, 'rolledBack', 90_000, {
            trouble: { type: 'quiesceRefused', detail: `${hostileName} does not stop` },
          })
        : memberSummary(`vm-${i}`, 'finalized', 60_000 + 5_000 * ((seed + i) % 30), i === 0 ? hostile : {}),
    );
    const moved = stays ? vms - 1 : vms;
    const rows = Array.from({ length: 37 }, (_row, at) => {
      const done = at < 24 ? 0 : Math.round((moved * (at - 24)) / 12);
      return [0, 0, vms - done - (at === 36 && stays ? 1 : 0), 0, done, at === 36 && stays ? 1 : 0, 0];
    });
    return rehearsalSummary(seed, 4 * hour, members, {
      wave: {
        ...rehearsalSummary(seed, 4 * hour, members).wave,
        ...{ window, lastMoved },
      },
      course: { step: minutes(5), rows },
      usage: {
        bucket: minutes(15),
        places: [
          { name: 'host kvm-1', capacity: 1_000, carried: [300_000, 300_000, 200_000] },
          { name: 'link wan', capacity: 1_000, carried: [890_000, 900_000, 880_000, 900_000, 450_000, seed] },
        ],
      },
    });
  });
}

/** What a report is made of, of those seeds. */
export function sampleReportInput(
  summaries: readonly RehearsalSummary[],
  more: Partial<ReportInput> = {},
): ReportInput {
  const found = forecaster();
  for (const summary of summaries) found.add(summary);
  return {
    scenario: { id: 'night', title: `A night with ${hostileName}`, why: 'To be looked at.', starts: instant(0) },
    file: "my scenarios/it's.yaml",
    version: '1.2.3',
    ...{ first: 0, asked: Math.max(1, summaries.length), differing: null },
    forecast: found.forecast(),
    ...more,
  };
}
