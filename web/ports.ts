import type { Refusal } from '#core/driver/driver';
import type { EventLog } from '#core/event-log/event-log';
import type { CommandId, MigrationId, WaveId } from '#core/ids';
import type { MigrationCommand, Rejection } from '#core/migration/commands';
import type { Result } from '#core/result';
import type { WaveCommand, WaveRejection } from '#core/wave/commands';
import type { RunView } from '#web/api/run-view';

/** The narrow slice of the log that the fact routes ask for. */
export type FactsPort = Pick<EventLog, 'readAll' | 'subscribe'>;

/** Someone's wish as it comes from outside. Whoever carries it out knows the time. */
export interface Wish<C> {
  /** Names the wish: the same one again is carried out once. */
  readonly id: CommandId;
  readonly actor: string;
  readonly command: C;
}

/** Why a wish was not carried out. `NotDriven`: nobody in this process drives that stream. */
export type WishRefusal<R> = Refusal<R> | { readonly type: 'NotDriven'; readonly stream: string };

/** Carries out wishes. Resolves once what they led to is durable in the log. */
export interface CommandPort {
  migration(id: MigrationId, wish: Wish<MigrationCommand>): Promise<Result<void, WishRefusal<Rejection>>>;
  wave(id: WaveId, wish: Wish<WaveCommand>): Promise<Result<void, WishRefusal<WaveRejection>>>;
}

/** All that the web asks of the rest of Sealift. Without `commands` the run can only be looked at. */
export interface WebPorts {
  readonly run: RunView;
  readonly facts: FactsPort;
  readonly commands?: CommandPort;
}
