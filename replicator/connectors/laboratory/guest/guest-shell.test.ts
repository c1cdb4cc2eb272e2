import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { millis } from '#core/units';
import { answerIn, commandMax, guestShell } from './guest-shell.ts';

const encoded = (text: string): string => Buffer.from(text).toString('base64');

describe('the operator’s shell on a serial port', () => {
  let directory: string;
  let server: Server;
  const sockets = new Set<Socket>();
  const path = () => join(directory, 'shell');
  /** A guest that answers the line it is given, piece by piece. */
  const answers = async (reply: (id: string, command: string, socket: Socket) => void): Promise<void> => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          const [id, command] = chunk.toString().trim().split(' ');
          reply(id ?? '', Buffer.from(command ?? '', 'base64').toString(), socket);
        });
    });
    await new Promise<void>((resolve) => server.listen(path(), resolve));
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sealift-'));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true });
  });

  it('takes the answer to its own question only, output and status', async () => {
    await answers((id, command, socket) => {
      socket.write(`READY\n\nBEGIN other\n${encoded('wrong')}\nEND other 0\n`);
      socket.write(`\nBEGIN ${id}\n${encoded(`${command}: ü\n`).slice(0, 8)}\n`);
      setTimeout(() => socket.write(`${encoded(`${command}: ü\n`).slice(8)}\nEND ${id} 3\n`), 10);
    });
    expect(await guestShell(path()).run('ls')).toEqual({ ok: true, value: { status: 3, output: 'ls: ü\n' } });
  });

  it('asks a guest that is not up yet again until it answers, and a command only once', async () => {
    const heard: string[] = [];
    await answers((id, command, socket) => {
      heard.push(command);
      if (command === 'true' && heard.length > 1) socket.write(`\nBEGIN ${id}\nEND ${id} 0\n`);
    });
    const shell = guestShell(path());
    expect(await shell.ready()).toEqual({ ok: true, value: undefined });
    expect(heard).toEqual(['true', 'true']);
    expect(await shell.run('rm x', millis(100))).toMatchObject({ error: { type: 'NoAnswer', command: 'rm x' } });
    expect(heard).toEqual(['true', 'true', 'rm x']);
  });

  it('is not waited for once nobody wants to know, nor for those who come too late', async () => {
    await answers(() => {});
    const interrupted = new AbortController();
    const shell = guestShell(path());
    const ready = shell.ready(undefined, interrupted.signal);
    interrupted.abort();
    for (const answer of [await ready, await shell.ready(undefined, interrupted.signal)])
      expect(answer).toMatchObject({ error: { type: 'NoAnswer', detail: 'nobody waits for it any more' } });
  });

  it('says when the port is closed, and refuses what a serial line does not hold', async () => {
    await answers((_id, _command, socket) => socket.destroy());
    const shell = guestShell(path());
    expect(await shell.run('reboot')).toMatchObject({
      error: { type: 'NoAnswer', detail: 'the serial port is closed' },
    });
    expect(await shell.run('x'.repeat(commandMax + 1))).toMatchObject({ error: { type: 'CommandTooLong' } });
  });

  it('knows an answer that is not all there', () => {
    const whole = `\nBEGIN 1\n${encoded('text')}\nEND 1 0\n`;
    for (let length = 0; length < whole.length; length += 1)
      expect(answerIn(whole.slice(0, length), '1')).toBeUndefined();
    expect(answerIn(whole, '1')).toEqual({ status: 0, output: 'text' });
  });
});
