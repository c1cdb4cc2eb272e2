import type { Health } from './row.ts';
import { healthOrder } from './row.ts';

/** A page, and the moment it stands at: all of it is in the URL, so that a moment can be shared. */
export interface Route {
  readonly page: Page;
  /** The position of the last fact that has happened; null follows the present. */
  readonly at: number | null;
  readonly list: ListChoice;
}

/** What is looked at. */
export type Page =
  | { readonly type: 'fleet' }
  | { readonly type: 'wave'; readonly id: string }
  | { readonly type: 'migration'; readonly id: string }
  | { readonly type: 'unknown'; readonly path: string };

/** What of a list is shown, and in which order. */
export interface ListChoice {
  readonly search: string;
  readonly show: Health | 'all';
  readonly sort: SortKey;
}

/** The orders of a list. */
export const sortKeys = ['plan', 'attention', 'name', 'progress', 'lag', 'forecast', 'size'] as const;
/** One order of a list. */
export type SortKey = (typeof sortKeys)[number];

/** What a list shows unless something else is asked for. */
export const listDefault: ListChoice = { search: '', show: 'all', sort: 'plan' };

/** Reads `#/migrations/web-01?at=1234`. Whatever makes no sense is passed over: a link that is half right still opens. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const parameters = new URLSearchParams(query);
  const at = parameters.get('at');
  const show = parameters.get('show');
  const sort = parameters.get('sort');
  return {
    page: parsePage(path),
    at: at !== null && /^\d{1,15}$/.test(at) ? Number(at) : null,
    list: {
      search: parameters.get('q') ?? '',
      show: healthOrder.find((health) => health === show) ?? 'all',
      sort: sortKeys.find((key) => key === sort) ?? 'plan',
    },
  };
}

function parsePage(path: string): Page {
  const parts = path.split('/').filter((part) => part !== '');
  const [kind, id, ...rest] = parts.map(decoded);
  if (parts.length === 0) return { type: 'fleet' };
  if (id !== undefined && rest.length === 0) {
    if (kind === 'waves') return { type: 'wave', id };
    if (kind === 'migrations') return { type: 'migration', id };
  }
  return { type: 'unknown', path };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The hash of a route. What is as it is by default is left out. */
export function formatRoute({ page, at, list }: Route): string {
  const parameters = new URLSearchParams();
  if (at !== null) parameters.set('at', String(at));
  if (list.search !== '') parameters.set('q', list.search);
  if (list.show !== 'all') parameters.set('show', list.show);
  if (list.sort !== 'plan') parameters.set('sort', list.sort);
  const query = parameters.toString();
  return `#${pathOf(page)}${query === '' ? '' : `?${query}`}`;
}

function pathOf(page: Page): string {
  switch (page.type) {
    case 'fleet':
      return '/';
    case 'wave':
      return `/waves/${encodeURIComponent(page.id)}`;
    case 'migration':
      return `/migrations/${encodeURIComponent(page.id)}`;
    case 'unknown':
      return page.path;
  }
}
