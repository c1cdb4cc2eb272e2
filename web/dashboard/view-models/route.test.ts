import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRoute, listDefault, parseRoute, sortKeys, type Page, type Route } from './route.ts';
import { healthOrder } from './row.ts';

const pages: fc.Arbitrary<Page> = fc.oneof(
  fc.constant<Page>({ type: 'fleet' }),
  fc.record({ type: fc.constantFrom('wave' as const, 'migration' as const), id: fc.stringMatching(/^[\w .%/?#ü-]+$/) }),
);

describe('a route', () => {
  it('is read back from its address as it was', () => {
    const routes: fc.Arbitrary<Route> = fc.record({
      page: pages,
      at: fc.option(fc.integer({ min: 0, max: 2 ** 40 }), { nil: null }),
      list: fc.record({
        search: fc.string(),
        show: fc.constantFrom('all' as const, ...healthOrder),
        sort: fc.constantFrom(...sortKeys),
      }),
    });
    fc.assert(
      fc.property(routes, (route) => {
        expect(parseRoute(formatRoute(route))).toEqual(route);
      }),
    );
  });

  it('carries page and moment, and nothing that is as it is by default', () => {
    expect(formatRoute({ page: { type: 'migration', id: 'web-01' }, at: 1234, list: listDefault })).toBe(
      '#/migrations/web-01?at=1234',
    );
    expect(formatRoute({ page: { type: 'fleet' }, at: null, list: listDefault })).toBe('#/');
  });

  it.each(['', '#', '#/', '#/?at=x&show=nobody&sort=wild'])('opens the fleet for %j', (hash) =>
    expect(parseRoute(hash)).toEqual({ page: { type: 'fleet' }, at: null, list: listDefault }),
  );

  it.each(['#/migrations', '#/migrations/a/b', '#/elsewhere/x', '#/%E0%A4%A'])(
    'says that there is nothing at %j',
    (hash) => expect(parseRoute(hash).page.type).toBe('unknown'),
  );
});
