/** Who someone is, by their certificate. */
export const roles = ['gateway', 'receiver', 'manager'] as const;
/** One role. */
export type Role = (typeof roles)[number];

/** How a certificate says its role: a URI among its alternative names. */
export const roleUri = (role: string): string => `sealift:role:${role}`;

/** The one part of a certificate that names are read from. */
type NamedCertificate = { readonly subjectAltName: string | undefined };

/** The role a certificate is for. A certificate that claims several has none. */
export function roleIn(certificate: NamedCertificate): Role | undefined {
  const claimed = urisIn(certificate, 'sealift:role:');
  return claimed.length === 1 ? roles.find((role) => claimed[0] === roleUri(role)) : undefined;
}

/** The URIs among the alternative names of a certificate that begin so. */
export function urisIn(certificate: NamedCertificate, prefix: string): readonly string[] {
  // Names with commas or quotes in them are quoted by Node, so no name can pretend to be two.
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return names.flatMap((name) => (name.startsWith(`URI:${prefix}`) ? [name.slice('URI:'.length)] : []));
}
