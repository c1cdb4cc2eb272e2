import { describe } from 'vitest';
import type { EventLog } from '#core/event-log/event-log';
import { MiB, type Bytes } from '#core/units';
import { logUnderTest } from '#test/event-log/log-under-test';
import { appendContract } from './event-log-append.contract.ts';
import { factsContract } from './event-log-facts.contract.ts';
import { modelContract } from './event-log-model.contract.ts';
import { readContract } from './event-log-read.contract.ts';
import { subscribeContract } from './event-log-subscribe.contract.ts';

/** What a store may differ in. */
export interface EventLogContractOptions {
  /** The size of a large fact it takes. Default: 1 MiB. */
  readonly largeFact?: Bytes;
  /** How many histories the property test makes up. Each is some dozen appends and reads. */
  readonly histories?: number;
}

/**
 * What every EventLog promises. An adapter earns its place by passing this file unchanged. `open` gives an open log,
 * which may hold facts of others: a server is shared, so each test keeps to streams of its own.
 */
export function eventLogContract(
  name: string,
  open: () => Promise<EventLog>,
  { largeFact = MiB as Bytes, histories = 25 }: EventLogContractOptions = {},
): void {
  describe(`EventLog contract: ${name}`, () => {
    const on = logUnderTest(open);
    appendContract(on);
    factsContract(on, largeFact);
    readContract(on);
    subscribeContract(on);
    modelContract(on, histories);
  });
}
