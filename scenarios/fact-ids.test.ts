import { expect, it } from 'vitest';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { factIds } from './fact-ids.ts';

it('names each fact of a stream by a UUID that no other stream has', () => {
  const rng = seededRng(1);
  const [web, db] = [factIds(rng.fork('migration-web')), factIds(rng.fork('migration-db'))];
  const names = Array.from({ length: 300 }, () => [web(), db()]).flat();
  expect(new Set(names).size).toBe(600);
  for (const name of names)
    expect(name).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
