import type { HypervisorError } from '#core/ports/source-hypervisor';
import { err, ok, type Result } from '#core/result';
import type { Monitor, QmpCommand } from '#replicator/connectors/kvm/monitor';
import type { JsonObject } from '#replicator/qmp/message';
import type { KvmDomain } from '#simulator/endpoints/kvm/domain';
import type { Qemu, TransactionAction } from '#simulator/endpoints/kvm/qemu';

/** What a monitor in a walk is made of. */
export interface WalkedMonitorOptions {
  readonly domain: KvmDomain;
  /** Called before and after each command, and between the actions of a transaction of a QEMU that holds nothing back. */
  readonly step: () => void;
  /** Whether the guest goes on writing between the actions of a transaction. */
  readonly writesBetween: () => boolean;
  /** What becomes of the next command, if not what should. */
  readonly fate: () => 'neverSent' | 'answerLost' | undefined;
  /** QEMU's own word for what its guest does, where it is none of the model's. */
  readonly status: () => string | undefined;
}

/**
 * The monitor of a simulated QEMU, spoken to as the real connector speaks to a real one, in the words of QMP.
 * @differs Its NBD server is there already, and may be started as often as somebody likes.
 */
export function walkedMonitor(options: WalkedMonitorOptions): Monitor {
  const { domain, step, fate } = options;
  const send = async (operation: string, command: QmpCommand): Promise<Result<unknown, HypervisorError>> => {
    const lost = (detail: string) => err<HypervisorError>({ type: 'Unreachable', operation, detail });
    step();
    await Promise.resolve();
    const what = fate();
    const qemu = domain.qemu();
    if (what === 'neverSent' || !qemu) return lost('nobody listens at the monitor');
    const answer = answerOf(qemu, command, options);
    domain.follow();
    step();
    if (what === 'answerLost') return lost('the connection was closed');
    return answer.ok ? answer : err({ type: 'Refused', operation, detail: answer.error });
  };
  return {
    ask: async (operation, command, answer) => {
      const sent = await send(operation, command);
      return sent.ok ? ok(answer.parse(sent.value)) : sent;
    },
    askAndAwait: async (operation, command) => {
      const sent = await send(operation, command);
      return sent.ok ? ok(undefined) : sent;
    },
    close: async () => undefined,
  };
}

type Answer = Result<unknown, string>;

function answerOf(qemu: Qemu, { command, args = {} }: QmpCommand, options: WalkedMonitorOptions): Answer {
  const done = (result: Result<void, { readonly desc: string }>): Answer =>
    result.ok ? ok({}) : err(result.error.desc);
  switch (command) {
    case 'query-version':
      return ok({ qemu: { major: 7, minor: 2, micro: 22 } });
    case 'query-name':
      return ok({ name: 'walk' });
    case 'query-status':
      return ok({ status: options.status() ?? qemu.queryStatus() });
    case 'query-block':
      return ok(
        qemu.queryNamedBlockNodes().map((node) => ({
          ...{ device: '', qdev: `/machine/peripheral/${node.nodeName}/virtio-backend`, removable: false },
          inserted: nodeOf(node),
        })),
      );
    case 'query-named-block-nodes':
      return ok(qemu.queryNamedBlockNodes().map(nodeOf));
    case 'query-block-exports':
      return ok(
        qemu.queryBlockExports().map(({ id, nodeName }) => ({ id, 'node-name': nodeName, 'shutting-down': false })),
      );
    case 'block-export-add':
      return done(qemu.blockExportAdd(exportOf(args)));
    case 'block-export-del':
      return done(qemu.blockExportDel(String(args['id'])));
    case 'transaction':
      return transact(qemu, args, options);
    case 'stop':
      qemu.stop();
      return ok({});
    case 'cont':
      return done(qemu.cont());
    case 'nbd-server-start':
    case 'nbd-server-stop':
      return ok({});
    default:
      return err(`The command ${command} has not been found`);
  }
}

const nodeOf = ({ nodeName, disk, dirtyBitmaps }: ReturnType<Qemu['queryNamedBlockNodes']>[number]) => ({
  'node-name': nodeName,
  image: { 'virtual-size': disk.size },
  'dirty-bitmaps': [...dirtyBitmaps.values()].map((bitmap) => ({
    ...{ name: bitmap.name, count: bitmap.count(), recording: bitmap.recording, busy: bitmap.readers > 0 },
    inconsistent: bitmap.inconsistent,
  })),
});

function exportOf(args: JsonObject) {
  const [bitmap] = (args['bitmaps'] ?? []) as readonly string[];
  return { id: String(args['id']), nodeName: String(args['node-name']), bitmap };
}

/** At one instant; or, of a QEMU whose devices are not all held back, one after the other, if all of them can be done. */
function transact(qemu: Qemu, args: JsonObject, { step, writesBetween }: WalkedMonitorOptions): Answer {
  const actions = (args['actions'] as readonly { readonly type: string; readonly data: JsonObject }[]).map(
    ({ type, data }) => ({ ...data, type }) as unknown as TransactionAction,
  );
  const failed = (result: ReturnType<Qemu['transaction']>): Answer => (result.ok ? ok({}) : err(result.error.desc));
  if (!writesBetween() || !actions.every((action) => canBeDone(qemu, action))) return failed(qemu.transaction(actions));
  for (const action of actions) {
    const outcome = failed(qemu.transaction([action]));
    if (!outcome.ok) return outcome;
    step();
  }
  return ok({});
}

function canBeDone(qemu: Qemu, action: TransactionAction): boolean {
  const node = qemu.queryNamedBlockNodes().find(({ nodeName }) => nodeName === action.node);
  const bitmap = node?.dirtyBitmaps.get(action.name);
  if (action.type === 'block-dirty-bitmap-add') return node !== undefined && bitmap === undefined;
  return bitmap !== undefined && bitmap.readers === 0 && !bitmap.inconsistent;
}
