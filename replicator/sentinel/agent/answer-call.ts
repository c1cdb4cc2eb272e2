import type { GuestAgentError } from '#core/ports/guest-agent';
import { err, type Result } from '#core/result';
import { readAsked, type Answers, type Asks, type CallName } from '#replicator/sentinel/control/calls';
import type { GuestServices } from './guest-services.ts';
import type { RateKeeper } from './give-way.ts';
import type { Installation } from './installation.ts';

/** What calls are answered from. */
export interface CallGround {
  readonly services: GuestServices;
  readonly rate: RateKeeper;
  readonly installation: Installation;
}

type Handlers = {
  readonly [C in CallName]: (asks: Asks<C>, ground: CallGround) => Promise<Result<Answers<C>, GuestAgentError>>;
};

const handlers: Handlers = {
  inspect: (_, { services }) => services.inspect(),
  look: (_, { services }) => services.look(),
  beginMark: ({ mark }, { services }) => services.beginMark(mark),
  advanceMark: ({ from, to }, { services }) => services.advanceMark(from, to),
  changes: ({ mark }, { services }) => services.changes(mark),
  dropMark: ({ mark }, { services }) => services.dropMark(mark),
  openDisk: ({ disk, since }, { services }) => services.openDisk(disk, since),
  closeDisks: (_, { services }) => services.closeDisks(),
  quiesce: ({ policy }, { services }) => services.quiesce(policy),
  resume: (_, { services }) => services.resume(),
  powerOff: (_, { services }) => services.powerOff(),
  release: ({ owner }, { services }) => services.release(owner),
  limit: async ({ rate }, { rate: keeper }) => {
    keeper.limit(rate);
    return { ok: true, value: undefined };
  },
  uninstall: (_, { installation, services }) =>
    unlessSwitching('uninstall', services, async () => {
      // What only the validation of a replica needed goes first: nobody would be left to take it away.
      const finalized = services.report ? await services.finalize() : undefined;
      return finalized && !finalized.ok ? finalized : installation.uninstall();
    }),
  report: async (_, { services }) => ({ ok: true, value: services.report ?? null }),
  account: async (_, { services }) => {
    const given = await services.account();
    return given.ok ? { ok: true, value: given.value ?? null } : given;
  },
  upgradePart: async (asks, { installation }) => installation.takePart(asks),
  upgrade: (asks, { installation, services }) =>
    unlessSwitching('upgrade', services, () => installation.replaceWith(asks)),
};

/** What must not be changed under a switchover, waits for its end. */
async function unlessSwitching(
  operation: string,
  services: GuestServices,
  work: () => Promise<Result<void, GuestAgentError>>,
): Promise<Result<void, GuestAgentError>> {
  if (services.stage !== 'quiesced') return work();
  return err({ type: 'Refused', operation, detail: 'the guest is at rest for its switchover; resume it first' });
}

/** Carries one call out. What it asks was not checked yet; a sentence says what is wrong with it. */
export async function answerCall<C extends CallName>(
  call: C,
  asks: unknown,
  ground: CallGround,
): Promise<Result<Answers<C>, GuestAgentError | string>> {
  const asked = readAsked(call, asks);
  if (!asked.ok) return asked;
  try {
    return await handlers[call](asked.value, ground);
  } catch (cause) {
    // A fault of ours in one call must not end the agent: the guest would lose its marks, and its way back.
    const detail = `a fault in the sentinel: ${cause instanceof Error ? cause.message : String(cause)}`;
    return err({ type: 'Refused', operation: call, detail });
  }
}

/** Calls that look, take effect at once, or give up another that is under way. The others wait for one another. */
export const atOnce: ReadonlySet<CallName> = new Set<CallName>([
  'inspect',
  'look',
  'limit',
  'changes',
  'resume',
  'report',
]);
