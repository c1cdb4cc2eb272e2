import type { Law } from './law.ts';

/** What no text in a log may look like, and what it would be. */
const secrets: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a password in an address', /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:(?!\*+@)[^\s/@]+@/i],
  ['a password', /\b(password|passwd|passphrase|secret|api[_-]?key)\b\s*[=:]\s*["']?[^\s"'*]{4,}/i],
  ['an authorization header', /\bauthorization:\s*(basic|bearer)\s+\S+/i],
  ['an AWS access key', /\bAKIA[0-9A-Z]{16}\b/],
  ['a password hash', /\$(1|5|6|y|2[aby])\$[./A-Za-z0-9$]{16,}/],
];

const secretName = /^(password|passphrase|secret|privateKey|token|apiKey)$/i;

// What each of the patterns must find somewhere: most texts are names and have none of these.
const suspicious = /[:=$]|AKIA|-----BEGIN/;

/** L24: a log can be shown to anybody who may know that the machines exist. */
export const noSecrets: Law = {
  id: 'L24',
  slug: 'no-secrets',
  statement: 'No secret is ever in a fact, a log line or an export.',
  incident: 'passwords of hypervisors were printed with the command lines they were given to',
  begin: () => {
    const isSecretName = namesSeen();
    return {
      of:
        () =>
        ({ fact }) => {
          const found = secretIn(fact.data, isSecretName);
          return found === undefined ? undefined : `its data holds what looks like ${found}`;
        },
    };
  },
};

function secretIn(value: unknown, isSecretName: (name: string) => boolean): string | undefined {
  if (typeof value === 'string')
    return value.length < 8 || !suspicious.test(value)
      ? undefined
      : secrets.find(([, pattern]) => pattern.test(value))?.[0];
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    for (const part of value) {
      const found = secretIn(part, isSecretName);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  // Not by entries, and without asking whether each member is its own: this runs for every fact there is. Data is plain, and
  // what it inherited would be looked at too.
  for (const name in value) {
    const part = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof part === 'number' || typeof part === 'boolean') continue;
    if (typeof part === 'string' && part !== '' && isSecretName(name)) return `a ${name}`;
    const found = secretIn(part, isSecretName);
    if (found !== undefined) return found;
  }
  return undefined;
}

// A log has a few dozen names of members; where data has names of its own, such as those of resources, no more are kept.
const namesMax = 1_024;

function namesSeen(): (name: string) => boolean {
  const seen = new Map<string, boolean>();
  return (name) => {
    const known = seen.get(name);
    if (known !== undefined) return known;
    const isSecret = secretName.test(name);
    if (seen.size < namesMax) seen.set(name, isSecret);
    return isSecret;
  };
}
