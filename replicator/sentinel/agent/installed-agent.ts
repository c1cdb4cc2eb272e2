import { spawn } from 'node:child_process';
import { chmod, open, rename } from 'node:fs/promises';
import type { GuestAgentError } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { agentSizeMax } from '#replicator/sentinel/control/calls';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import type { Installation } from './installation.ts';

/** Where it is. Undefined parts cannot be done: an agent that was started by hand was not installed. */
export interface InstallationPlace {
  /** The file of the agent. */
  readonly program: string | undefined;
  /** The script that installed it, and takes it off. */
  readonly script: string | undefined;
}

/** An installation at its place. */
export function installationAt({ program, script }: InstallationPlace): Installation {
  let parts: { readonly sha256: string; readonly bytes: Buffer[]; length: number } | undefined;
  const refused = (operation: string, detail: string): Result<never, GuestAgentError> =>
    err({ type: 'Refused', operation, detail });
  const installation: Installation = {
    onReplaced: undefined,
    takePart: ({ sha256, at, content }) => {
      if (at === 0) parts = { sha256, bytes: [], length: 0 };
      if (parts?.sha256 !== sha256 || parts.length !== at) return refused('upgradePart', 'the part before is missing');
      const bytes = Buffer.from(content, 'base64');
      if (parts.length + bytes.length > agentSizeMax) return refused('upgradePart', 'it is too large');
      parts.bytes.push(bytes);
      parts.length += bytes.length;
      return ok(undefined);
    },
    replaceWith: async ({ sha256 }) => {
      if (program === undefined) return refused('upgrade', 'it was not installed by a bundle');
      const whole = Buffer.concat(parts?.sha256 === sha256 ? parts.bytes : []);
      if (fingerprintOf(whole) !== sha256) return refused('upgrade', 'not all of it has arrived');
      parts = undefined;
      try {
        await replaceProgram(program, whole);
      } catch (cause) {
        return refused('upgrade', cause instanceof Error ? cause.message : String(cause));
      }
      installation.onReplaced?.();
      return ok(undefined);
    },
    uninstall: async () => {
      if (script === undefined) return refused('uninstall', 'it was not installed by a bundle');
      // In a session of its own: it ends us, and goes on.
      const child = spawn('sh', [script, 'uninstall', '--soon'], { detached: true, stdio: 'ignore', cwd: '/' });
      return new Promise((resolve) => {
        child.once('error', (cause) => resolve(refused('uninstall', cause.message)));
        child.once('spawn', () => {
          child.unref();
          resolve(ok(undefined));
        });
      });
    },
  };
  return installation;
}

async function replaceProgram(path: string, content: Uint8Array): Promise<void> {
  const beside = `${path}.new`;
  const file = await open(beside, 'w', 0o755);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(beside, 0o755);
  await rename(beside, path);
}
