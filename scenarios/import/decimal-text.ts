/**
 * Numbers as spreadsheets write them, in whichever country: `1024`, `1,024.5`, `1.024,5`, `1 024`, `1'024`.
 *
 * A single dot or comma with three digits after it may stand for thousands or for a fraction. `decimal` says which of the
 * two is the fraction's in this file.
 */
export function parseDecimal(text: string, decimal: ',' | '.'): number | undefined {
  const plain = text.replaceAll(/[\s\u00A0\u202F'’]/g, '');
  if (!/^\d[\d.,]*$/.test(plain)) return undefined;
  const marks = plain.replaceAll(/\d/g, '');
  if (marks === '') return Number(plain);
  const last = marks.at(-1) === ',' ? ',' : '.';
  const isMixed = new Set(marks).size === 2;
  const thousands = last === ',' ? '.' : ',';
  if (isMixed) return grouped(plain, thousands, last);
  if (marks.length > 1) return grouped(plain, last, undefined);
  const couldBeThousands = /^\d{1,3}[.,]\d{3}$/.test(plain) && !plain.startsWith('0');
  return couldBeThousands && last !== decimal ? grouped(plain, last, undefined) : grouped(plain, undefined, last);
}

/** With thousands set apart by one mark and a fraction by the other; nothing if the digits are not so. */
function grouped(plain: string, thousands: string | undefined, fraction: string | undefined): number | undefined {
  const [whole = '', part, ...more] = fraction === undefined ? [plain] : plain.split(fraction);
  if (more.length > 0 || part === '') return undefined;
  const groups = thousands === undefined ? [whole] : whole.split(thousands);
  const areThousands = groups.every((group, i) => (i === 0 ? /^\d{1,3}$/ : /^\d{3}$/).test(group));
  if (groups.length > 1 && !areThousands) return undefined;
  const digits = groups.join('');
  return /^\d+$/.test(digits) && /^\d*$/.test(part ?? '') ? Number(`${digits}.${part ?? '0'}`) : undefined;
}
