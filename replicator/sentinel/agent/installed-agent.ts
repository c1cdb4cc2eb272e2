import { spawn } from 'node:child_process';
import type { GuestAgentError } from '#core/ports/guest-agent';
import { err, ok, type Result } from '#core/result';
import { agentSizeMax } from '#replicator/sentinel/control/calls';
import { fingerprintOf } from '#replicator/sentinel/identity/proof';
import { replaceWhole } from '#replicator/sentinel/replace-whole';
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
        await replaceWhole(program, whole, 0o755);
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
