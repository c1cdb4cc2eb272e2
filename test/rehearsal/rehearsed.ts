import { readFileSync } from 'node:fs';
import type { EventLog, RecordedFact } from '#core/event-log/event-log';
import { inMemoryEventLog } from '#core/event-log/in-memory';
import { InvariantError } from '#core/invariant';
import { loadScenario, describeScenarioError } from '#scenarios/load';
import { factsHash } from '#core/event-log/log-hash';
import type { RehearsalScenario } from '#scenarios/rehearsal-scenario';
import type { RehearsalSummary } from '#scenarios/rehearsal-summary';
import { startRehearsal, type Rehearsal, type RehearsalOptions } from '#scenarios/run';
import { virtualClock } from '#simulator/kernel/virtual-clock';

/** One turn of Node's event loop: everything that could run has run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A rehearsal scenario from its text. */
export function rehearsalFrom(text: string): RehearsalScenario {
  const loaded = loadScenario(text, 'rehearsal.yaml');
  if (!loaded.ok) throw new InvariantError(describeScenarioError(loaded.error));
  if (loaded.value.kind !== 'rehearsal') throw new InvariantError('not a rehearsal');
  return loaded.value;
}

/** The scenario that `npm start` shows. */
export const firstWave = (): RehearsalScenario => rehearsalFrom(readFileSync('scenarios/first-wave.yaml', 'utf8'));

/** A wave that is quickly through, with an approval, a lost answer, an outage and a way back. */
export const smallWave = (): RehearsalScenario =>
  rehearsalFrom(`
kind: rehearsal
id: small
title: Four machines
why: Enough for what a test needs, and little to wait for.
estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms:
    - { name: a, host: kvm-1, disks: [{ size: 30 GiB }] }
    - { name: b, host: kvm-1, disks: [{ size: 10 GiB }] }
    - { name: c, host: kvm-1, disks: [{ size: 10 GiB }] }
    - { name: d, host: kvm-1, disks: [{ size: 10 GiB }] }
wave: { id: small, window: { opens: 20 min, closes: 1 h }, limits: { replicating: 3, cuttingOver: 2 }, requester: mia }
plan: { approval: requiredByAnother, refreshEvery: 1 h }
operators: { approve: { by: jonas, after: 5 min } }
faults:
  - { type: launchFailed, vms: [d] }
  - { type: answerLost, vms: [b], effects: [quiesceSource] }
  - { type: linkDown, link: wan, at: 1 min, lasts: 30 s }
`);

/** What was rehearsed: its summary, and every fact of its log in order. */
export interface Rehearsed {
  readonly scenario: RehearsalScenario;
  readonly summary: RehearsalSummary;
  readonly facts: readonly RecordedFact[];
}

/** Rehearses in virtual time, in memory unless a log is given. `watch` is told after each batch of facts. */
export async function rehearsed(
  scenario: RehearsalScenario,
  {
    watch,
    log = inMemoryEventLog(),
    clock = virtualClock({ turn, start: scenario.starts }),
    ...more
  }: Partial<Pick<RehearsalOptions, 'seed' | 'log' | 'clock'>> & {
    readonly watch?: (rehearsal: Rehearsal) => void;
  } = {},
): Promise<Rehearsed> {
  let rehearsal: Rehearsal | undefined;
  const onFacts = (): void => {
    if (rehearsal) watch?.(rehearsal);
  };
  const started = await startRehearsal({ scenario, log, clock, onFacts, ...more });
  if (!started.ok) throw new InvariantError(JSON.stringify(started.error));
  rehearsal = started.value;
  const summary = await rehearsal.ended;
  return { scenario, summary, facts: await factsIn(log) };
}

/** Every fact of a log, in order. */
export async function factsIn(log: EventLog): Promise<readonly RecordedFact[]> {
  const facts: RecordedFact[] = [];
  for await (const fact of log.readAll()) facts.push(fact);
  return facts;
}

/** One hash over everything that happened, in order: the same for two logs only if they are the same log. */
export function hashOf(facts: readonly RecordedFact[]): string {
  const hash = factsHash();
  for (const fact of facts) hash.add(fact);
  return hash.digest();
}
