import { spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { err, ok, type Result } from '#core/result';
import { codeOf, detailOf } from '#replicator/disk/durable-file';
import { formatAddress, parseAddress } from '#replicator/protocol/address';
import type { BundleSecrets } from '#replicator/protocol/guest-message';
import { installScript } from './install-script.ts';

/*
 * A bundle: one file that makes a guest one of ours.
 *
 *     sealift-sentinel/install.sh      installs, shows, replaces, takes away
 *                      sentinel.mjs    the agent
 *                      node            with --standalone: the Node to run it with
 *                      config/         sentinel.json, ca-cert.pem, token
 *
 * It has the token, so it is readable by its owner only, and worth nothing once a guest has used it.
 */

/** What goes into a bundle. */
export interface BundleOptions {
  readonly secrets: BundleSecrets;
  /** Where guests reach the gateway. */
  readonly gateway: string;
  /** The file of the agent. */
  readonly agent: string;
  /** The Node of a standalone bundle: for the guest's processor and C library. */
  readonly node?: string;
  /** The file to make. Nothing is overwritten. */
  readonly output: string;
}

/** Why there is no bundle. */
export type BundleError =
  | { readonly type: 'AgentMissing'; readonly path: string }
  | { readonly type: 'OutputTaken'; readonly path: string }
  | { readonly type: 'BundleFailed'; readonly detail: string };

/** Whether a file of the name is there already. */
export async function wouldOverwrite({ output }: Pick<BundleOptions, 'output'>): Promise<BundleError | undefined> {
  const path = resolve(output);
  return stat(path).then(
    () => ({ type: 'OutputTaken', path }) as const,
    () => undefined,
  );
}

/** Makes the file. It is there whole or not at all. */
export async function makeBundle(options: BundleOptions): Promise<Result<void, BundleError>> {
  const { secrets, gateway, agent, node, output } = options;
  const path = resolve(output);
  const work = await mkdtemp(join(tmpdir(), 'sealift-bundle-'));
  try {
    const folder = join(work, 'sealift-sentinel');
    const config = join(folder, 'config');
    await mkdir(config, { recursive: true, mode: 0o700 });
    if (!(await copied(agent, join(folder, 'sentinel.mjs')))) return err({ type: 'AgentMissing', path: agent });
    if (node !== undefined && !(await copied(node, join(folder, 'node'))))
      return err({ type: 'BundleFailed', detail: `${node} is not there` });
    await writeFile(join(folder, 'install.sh'), installScript, { mode: 0o755 });
    const { sentinel, pins, ca, token } = secrets;
    const files = {
      'sentinel.json': `${JSON.stringify({ gateway, sentinel, pins })}\n`,
      'ca-cert.pem': ca,
      token: `${token}\n`,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), text, { mode: 0o600 });
    return await packed(work, path);
  } catch (cause) {
    return err({ type: 'BundleFailed', detail: detailOf(cause) });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function copied(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to);
    await chmod(to, 0o755);
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return false;
    throw cause;
  }
}

async function packed(work: string, path: string): Promise<Result<void, BundleError>> {
  // Taken first, so that two who ask for one name do not both get it.
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return err({ type: 'OutputTaken', path });
    return err({ type: 'BundleFailed', detail: detailOf(cause) });
  }
  const beside = join(dirname(path), `.sealift-bundle.${process.pid}.new`);
  const failed = await tar([
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-czf',
    beside,
    '-C',
    work,
    'sealift-sentinel',
  ]);
  if (failed === undefined) {
    await chmod(beside, 0o600);
    await rename(beside, path);
    return ok(undefined);
  }
  await rm(beside, { force: true });
  await rm(path, { force: true });
  return err({ type: 'BundleFailed', detail: failed });
}

/** Runs the system's tar: there is one wherever there is a guest to install on. */
function tar(args: readonly string[]): Promise<string | undefined> {
  return new Promise((done) => {
    const child = spawn('tar', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
    child.once('error', (cause) => done(`tar cannot be run: ${cause.message}`));
    child.once('close', (status) => done(status === 0 ? undefined : `tar failed: ${Buffer.concat(said).toString()}`));
  });
}

/**
 * Where guests reach a gateway, from where its guests' port listens and where we reach it: a port on every address, or on
 * the loopback of the gateway's machine, says nothing about the way there.
 */
export function guestsAddress(listens: string, reached: string): string {
  const port = parseAddress(listens);
  const way = parseAddress(reached);
  if (!port.ok || !way.ok) return listens;
  const { host } = port.value;
  const says = host !== '0.0.0.0' && host !== '::' && !isLoopback(host);
  return says ? listens : formatAddress({ host: way.value.host, port: port.value.port });
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** One sentence for a person. */
export function describeBundleError(error: BundleError): string {
  switch (error.type) {
    case 'AgentMissing':
      return `the agent ${error.path} is not there; make it with: npm run build`;
    case 'OutputTaken':
      return `${error.path} is there already; a bundle overwrites nothing`;
    case 'BundleFailed':
      return `the bundle cannot be made: ${error.detail}`;
  }
}
