import { err, ok, type Result } from '#core/result';
import type { LogFault } from './event-log.ts';

// What the client understands, less `tlsVerifyCert`, which it prints a warning about and ignores: then a certificate
// would seem unchecked and be checked.
const knownOptions = [
  'tls',
  'tlsCAFile',
  'userCertFile',
  'userKeyFile',
  'connectionName',
  'nodePreference',
  'maxDiscoverAttempts',
  'discoveryInterval',
  'gossipTimeout',
  'defaultDeadline',
  'keepAliveInterval',
  'keepAliveTimeout',
] as const;

// A second @ would make the client take the end of a password for a host, and say so in an error.
const shape = /^(esdb(?:\+discover)?:\/\/)(?:[^@]*@)?([^@?/]+)\/?(?:\?(.*))?$/;

/**
 * Checks a connection string as far as the client would complain about it by printing it, password and all. Gives what
 * may be shown of it: scheme and hosts.
 */
export function checkConnectionString(text: string): Result<string, LogFault> {
  const [, scheme, hosts, options = ''] = shape.exec(text.trim()) ?? [];
  if (scheme === undefined || hosts === undefined)
    return refuse(
      'EventStoreDB',
      'its connection string should look like esdb://user:password@host:2113?tls=true, user and password percent-encoded',
    );
  const where = scheme + hosts;
  const known = new Set(knownOptions.map((name) => name.toLowerCase()));
  for (const option of options.split('&').filter((part) => part !== '')) {
    const [name = '', value = ''] = option.split('=');
    if (!known.has(name.trim().toLowerCase().replaceAll(/[_-]/g, '')))
      return refuse(where, `its connection string has an unknown option ${name}; known are ${knownOptions.join(', ')}`);
    if (value === '') return refuse(where, `its connection string gives no value for ${name}`);
  }
  return ok(where);
}

const refuse = (where: string, detail: string): Result<never, LogFault> =>
  err({ type: 'LogUnreachable', where, detail });
