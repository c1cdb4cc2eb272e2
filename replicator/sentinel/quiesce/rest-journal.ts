import type { QuiesceReport } from '#core/ports/guest-agent';
import type { GuestControl, GuestSystem } from '#replicator/sentinel/guest-system';

/** One thing to be undone when a guest goes back to service. Doing it twice is doing it once. */
export type Undo =
  | { readonly type: 'start'; readonly units: readonly string[] }
  /** Sessions of users, which nobody can start again for them. */
  | { readonly type: 'ended'; readonly units: readonly string[] }
  | { readonly type: 'swapOn'; readonly place: string }
  | { readonly type: 'journalToDisk' }
  | { readonly type: 'writable'; readonly mountpoint: string }
  | { readonly type: 'thaw'; readonly mountpoint: string };

/** What has been done to bring a guest to rest, and how to undo it, oldest first. */
export interface RestNotes {
  readonly undo: readonly Undo[];
  /** Set once the guest is at rest. */
  readonly report?: QuiesceReport;
}

/**
 * Where the notes are. `/run` is in memory: it outlives the sentinel, stays writable when every disk is not, and is
 * gone after a boot, together with all that there was to undo.
 */
export const notesPath = '/run/sealift/rest.json';

/** What an earlier life of this sentinel noted; nothing if there was none. */
export async function readNotes(system: GuestSystem): Promise<RestNotes> {
  const text = await system.read(notesPath);
  if (text === undefined) return { undo: [] };
  try {
    // Written by this very module, into a folder that only root can write to.
    return JSON.parse(text) as RestNotes;
  } catch {
    return { undo: [] }; // Not ours: notes are replaced whole.
  }
}

/**
 * Keeps notes before anything is done, so that whatever may have been done can be undone. Returns a sentence if they
 * could not be kept.
 */
export const keepNotes = (system: GuestControl, notes: RestNotes): Promise<string | undefined> =>
  system.replace(notesPath, JSON.stringify(notes));
