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

/** L24: a log can be shown to anybody who may know that the machines exist. */
export const noSecrets: Law = {
  id: 'L24',
  slug: 'no-secrets',
  statement: 'No secret is ever in a fact, a log line or an export.',
  incident: 'passwords of hypervisors were printed with the command lines they were given to',
  begin: () => ({
    take: ({ fact }) => {
      const found = secretIn(fact.data);
      return found === undefined ? undefined : `its data holds what looks like ${found}`;
    },
  }),
};

function secretIn(value: unknown): string | undefined {
  if (typeof value === 'string')
    // Most texts of a fact are names.
    return value.length < 8 ? undefined : secrets.find(([, pattern]) => pattern.test(value))?.[0];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, part] of Object.entries(value)) {
    if (secretName.test(name) && typeof part === 'string' && part !== '') return `a ${name}`;
    const found = secretIn(part);
    if (found !== undefined) return found;
  }
  return undefined;
}
