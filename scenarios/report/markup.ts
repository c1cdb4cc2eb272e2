/*
 * HTML and SVG as text, put together so that nothing from outside can become markup: whatever is filled into `markup` is
 * escaped, unless it is markup itself.
 */

/** Text that is markup already. */
export interface Markup {
  readonly markup: string;
}

/** What may be filled in. `null`, `undefined` and `false` leave nothing. */
export type Part = string | number | Markup | null | undefined | false | readonly Part[];

/** A template of HTML or SVG. What is filled in is escaped for element content and for quoted attributes alike. */
export const markup = (texts: TemplateStringsArray, ...parts: readonly Part[]): Markup => ({
  markup: texts.map((text, i) => text + (i < parts.length ? rendered(parts[i]) : '')).join(''),
});

function rendered(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  return 'markup' in part ? part.markup : part.map(rendered).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? sign).replaceAll(misleading, '\uFFFD');

// HTML allows no control characters but white space, and marks of direction could make one name look like another.
const misleading = /[^\P{Cc}\t\n\r]|[\u202A-\u202E\u2066-\u2069]/gu;
