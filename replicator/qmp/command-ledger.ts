import type { JsonObject } from './message.ts';

/** A command somebody waits for. */
export interface AskedCommand {
  /** Unique within the conversation. */
  readonly id: string;
  readonly command: string;
  readonly arguments?: JsonObject;
}

/**
 * Who waits for what: which commands still wait to be sent and which wait for their answer. The difference is what
 * tells "QEMU certainly did not act" from "nobody knows".
 */
export interface CommandLedger {
  ask(asked: AskedCommand): void;
  /** The commands to send now, in order; from here on they count as sent. */
  takeSendable(): readonly AskedCommand[];
  /** Closes the entry of an answered command. Undefined if no such command was sent. */
  answered(id: string): { readonly command: string; readonly abandoned: boolean } | undefined;
  /** Says that nobody waits for this command any more, and how far it had come. Undefined if nobody did anyway. */
  abandon(id: string): { readonly command: string; readonly wasSent: boolean } | undefined;
  /** Closes every entry, and returns those that somebody still waited for. */
  drain(): readonly { readonly id: string; readonly command: string; readonly wasSent: boolean }[];
}

/** Commands sent and not yet answered. QEMU queues eight per monitor and stops reading beyond that. */
export const commandsInFlightMax = 8;

/** Makes an empty ledger. */
export function commandLedger(): CommandLedger {
  let waiting: AskedCommand[] = [];
  // An abandoned command stays until its answer came: so the answer is known for what it is, and counts in the bound.
  const sent = new Map<string, { readonly command: string; abandoned: boolean }>();
  return {
    ask: (asked) => void waiting.push(asked),
    takeSendable() {
      const sendable = waiting.slice(0, Math.max(0, commandsInFlightMax - sent.size));
      waiting = waiting.slice(sendable.length);
      for (const { id, command } of sendable) sent.set(id, { command, abandoned: false });
      return sendable;
    },
    answered(id) {
      const entry = sent.get(id);
      sent.delete(id);
      return entry;
    },
    abandon(id) {
      const unsent = waiting.find((asked) => asked.id === id);
      waiting = waiting.filter((asked) => asked !== unsent);
      if (unsent !== undefined) return { command: unsent.command, wasSent: false };
      const entry = sent.get(id);
      if (entry === undefined || entry.abandoned) return undefined;
      entry.abandoned = true;
      return { command: entry.command, wasSent: true };
    },
    drain() {
      const open = [
        ...[...sent]
          .filter(([, { abandoned }]) => !abandoned)
          .map(([id, { command }]) => ({ id, command, wasSent: true })),
        ...waiting.map(({ id, command }) => ({ id, command, wasSent: false })),
      ];
      sent.clear();
      waiting = [];
      return open;
    },
  };
}
