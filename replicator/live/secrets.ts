/**
 * Errors of libraries and servers quote what they were given, and some of that may be a secret. What becomes a fact is
 * kept for ever, so it goes through here first.
 */
const replacement = '***';
const patterns: readonly (readonly [RegExp, string])[] = [
  // nbds://user:password@host
  [/(\/\/[^\s/:@]+):[^\s/@]+@/g, `$1:${replacement}@`],
  // password=..., "token": "...", Authorization: Bearer ...
  [
    /\b(password|passwd|secret|token|api[-_]?key|authorization)\b("?\s*[=:]\s*)((bearer|basic)\s+)?("[^"]*"|[^\s&,;"]+)/gi,
    `$1$2${replacement}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, replacement],
];

/** The text without passwords, tokens and private keys. */
export const withoutSecrets = (text: string): string =>
  patterns.reduce((clean, [pattern, by]) => clean.replace(pattern, by), text);
