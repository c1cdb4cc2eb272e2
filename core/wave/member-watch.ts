import type { MigrationId } from '#core/ids';

/** Sees which members change from when it was made on. */
export interface MemberWatch {
  /** Members that changed since it was last asked, each once. */
  take(): Iterable<MigrationId>;
  /** Resolves when a member, or the wave, has changed since `take` was last asked, or when the signal is aborted. */
  next(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Those who watch, and the way to tell them. */
export interface MemberWatches {
  watch(): MemberWatch;
  /** A member changed; without one, something else did that members are looked at for. */
  tell(member?: MigrationId): void;
}

/** Nobody watches yet. */
export function memberWatches(): MemberWatches {
  const watching = new Set<(member: MigrationId | undefined) => void>();
  return {
    tell: (member) => {
      for (const hear of watching) hear(member);
    },
    watch: () => {
      let changed = new Set<MigrationId>();
      let news = false;
      let wake: () => void = () => undefined;
      const hear = (member: MigrationId | undefined): void => {
        news = true;
        if (member !== undefined) changed.add(member);
        wake();
      };
      watching.add(hear);
      return {
        take: () => {
          const taken = changed;
          changed = new Set();
          news = false;
          return taken;
        },
        next: (signal) =>
          new Promise((resolve) => {
            if (news || signal.aborted) return resolve();
            wake = () => {
              signal.removeEventListener('abort', wake);
              wake = () => undefined;
              resolve();
            };
            signal.addEventListener('abort', wake, { once: true });
          }),
        close: () => watching.delete(hear),
      };
    },
  };
}
