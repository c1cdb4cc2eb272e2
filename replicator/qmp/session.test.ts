import { describe, expect, it } from 'vitest';
import { commandsInFlightMax } from './command-ledger.ts';
import { qmpSession, type QmpSession, type SessionAction } from './session.ts';

const greeting =
  '{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":"Debian"},"capabilities":["oob"]}}';
const negotiated = '{"return":{},"id":"qmp_capabilities"}';

const says = (session: QmpSession, ...lines: readonly string[]): readonly SessionAction[] =>
  session.apply({
    type: 'BytesReceived',
    bytes: new TextEncoder().encode(lines.map((line) => `${line}\r\n`).join('')),
  });
const ask = (session: QmpSession, id: string, command = 'stop'): readonly SessionAction[] =>
  session.apply({ type: 'CommandAsked', asked: { id, command } });
const lose = (session: QmpSession): readonly SessionAction[] =>
  session.apply({ type: 'ConnectionLost', detail: 'reset by peer' });

function readySession(): QmpSession {
  const session = qmpSession();
  says(session, greeting, negotiated);
  return session;
}

describe('qmpSession', () => {
  it('negotiates after the greeting and is ready after the answer', () => {
    const session = qmpSession();
    expect(says(session, greeting)).toEqual([
      { type: 'send', text: '{"execute":"qmp_capabilities","id":"qmp_capabilities"}\n' },
    ]);
    expect(says(session, negotiated)).toEqual([{ type: 'becomeReady', version: { major: 7, minor: 2, micro: 22 } }]);
  });

  it('holds commands back until it is ready', () => {
    const session = qmpSession();
    expect(ask(session, '1')).toEqual([]);
    says(session, greeting);
    expect(says(session, negotiated)).toContainEqual({ type: 'send', text: '{"execute":"stop","id":"1"}\n' });
  });

  it('settles each command with its own answer', () => {
    const session = readySession();
    ask(session, '1');
    ask(session, '2', 'cont');
    expect(
      says(session, '{"id":"2","error":{"class":"GenericError","desc":"no"}}', '{"id":"1","return":{"a":1}}'),
    ).toEqual([
      {
        type: 'settle',
        id: '2',
        outcome: {
          ok: false,
          error: { type: 'CommandFailed', command: 'cont', class: 'GenericError', description: 'no' },
        },
      },
      { type: 'settle', id: '1', outcome: { ok: true, value: { a: 1 } } },
    ]);
  });

  it('never has more commands in flight than QEMU queues', () => {
    const session = readySession();
    const sent = Array.from({ length: commandsInFlightMax + 2 }, (_, index) => ask(session, String(index))).flat();
    expect(sent).toHaveLength(commandsInFlightMax);
    expect(says(session, '{"id":"0","return":{}}')).toContainEqual({
      type: 'send',
      text: `{"execute":"stop","id":"${commandsInFlightMax}"}\n`,
    });
  });

  it('tells what was sent from what was not when the connection is lost', () => {
    const session = readySession();
    for (let id = 0; id <= commandsInFlightMax; id += 1) ask(session, String(id));
    const outcomes = lose(session).flatMap((action) =>
      action.type === 'settle' && !action.outcome.ok ? [action.outcome.error.type] : [],
    );
    expect(outcomes).toEqual([...Array<string>(commandsInFlightMax).fill('OutcomeUnknown'), 'NotSent']);
    expect(ask(session, 'late')).toMatchObject([{ type: 'settle', outcome: { error: { type: 'NotSent' } } }]);
  });

  it('knows the late answer of an abandoned command for what it is', () => {
    const session = readySession();
    ask(session, '1');
    expect(session.apply({ type: 'CommandAbandoned', id: '1', why: 'timeout' })).toMatchObject([
      { type: 'settle', id: '1', outcome: { error: { type: 'OutcomeUnknown', detail: 'timeout' } } },
    ]);
    expect(says(session, '{"id":"1","return":{}}')).toEqual([]);
    expect(ask(session, '2')).toHaveLength(1);
  });

  it('does not send a command that was abandoned while it waited', () => {
    const session = qmpSession();
    ask(session, '1');
    expect(session.apply({ type: 'CommandAbandoned', id: '1', why: 'cancelled' })).toMatchObject([
      { type: 'settle', id: '1', outcome: { error: { type: 'NotSent' } } },
    ]);
    expect(says(session, greeting, negotiated)).not.toContainEqual(
      expect.objectContaining({ text: expect.stringContaining('stop') }),
    );
  });

  it('announces events in between answers', () => {
    const session = readySession();
    expect(says(session, '{"event":"STOP","timestamp":{"seconds":1,"microseconds":2}}')).toEqual([
      { type: 'announce', event: { name: 'STOP', data: {} } },
    ]);
  });

  it.each([
    ['no JSON', '{"return":'],
    ['no object', '[1]'],
    ['an answer without an id', '{"return":{}}'],
    ['an answer to nothing we asked', '{"return":{},"id":"77"}'],
    ['an error without an id', '{"error":{"class":"GenericError","desc":"JSON parse error"}}'],
    ['an error without a description', '{"error":{"class":"GenericError"},"id":"1"}'],
    ['a second greeting', greeting],
    ['an event without a name', '{"event":7}'],
    ['something else', '{"hello":1}'],
  ])('ends the conversation on %s', (_, line) => {
    const session = readySession();
    ask(session, '1');
    expect(says(session, line, '{"event":"STOP"}', '{"return":{},"id":"1"}')).toMatchObject([
      { type: 'settle', id: '1', outcome: { error: { type: 'OutcomeUnknown' } } },
      { type: 'disconnect', error: { type: 'ProtocolViolation' } },
    ]);
    expect(says(session, '{"event":"STOP"}')).toEqual([]);
  });

  it.each(['{"return":{}}', 'SSH-2.0-OpenSSH_9.2', '{"event":"STOP"}', '{"QMP":{"version":{}}}'])(
    'does not speak to what does not greet as a monitor: %s',
    (line) => {
      expect(says(qmpSession(), line)).toMatchObject([{ type: 'disconnect', error: { type: 'ProtocolViolation' } }]);
    },
  );

  it('settles nothing twice', () => {
    const session = readySession();
    ask(session, '1');
    lose(session);
    expect(lose(session)).toEqual([]);
    expect(session.apply({ type: 'CommandAbandoned', id: '1', why: 'late' })).toEqual([]);
  });

  it('settles a command that is abandoned twice once', () => {
    const session = readySession();
    ask(session, '1');
    const abandoned = { type: 'CommandAbandoned', id: '1', why: 'timeout' } as const;
    expect(session.apply(abandoned)).toHaveLength(1);
    expect(session.apply(abandoned)).toEqual([]);
  });
});
