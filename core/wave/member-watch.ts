import type { MigrationId } from '#core/ids';

/** Sees which members change from when it was made on. */
export interface MemberWatch {
  /** Members that changed since it was last asked, each once. */
  take(): Iterable<MigrationId>;
  close(): void;
}

/** Those who watch, and the way to tell them. */
export interface MemberWatches {
  /** `onNews` is called when a member, or the wave, changes for the first time since `take` was last asked. */
  watch(onNews: () => void): MemberWatch;
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
    watch: (onNews) => {
      let changed = new Set<MigrationId>();
      let news = false;
      const hear = (member: MigrationId | undefined): void => {
        if (member !== undefined) changed.add(member);
        if (news) return;
        news = true;
        onNews();
      };
      watching.add(hear);
      return {
        take: () => {
          const taken = changed;
          changed = new Set();
          news = false;
          return taken;
        },
        close: () => watching.delete(hear),
      };
    },
  };
}
