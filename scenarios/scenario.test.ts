import { readdirSync, readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { loadScenario } from './load.ts';
import { scenarioJsonSchema } from './scenario.ts';

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.yaml'));

describe('scenario files', () => {
  it.each(files)('%s can be loaded', (file) =>
    expect(loadScenario(readFileSync(`${import.meta.dirname}/${file}`, 'utf8'), file)).toMatchObject({ ok: true }),
  );

  it('have unique ids', () => {
    const ids = files.map((file) => {
      const loaded = loadScenario(readFileSync(`${import.meta.dirname}/${file}`, 'utf8'), file);
      return loaded.ok ? loaded.value.id : file;
    });
    expect(new Set(ids).size).toBe(files.length);
  });
});

describe('the JSON Schema', () => {
  it('is what the code says (renew it with `npx vitest run scenarios/scenario.test.ts -u`)', async () => {
    const path = `${import.meta.dirname}/scenario.schema.json`;
    const text = await format(JSON.stringify(scenarioJsonSchema()), { ...(await resolveConfig(path)), parser: 'json' });
    await expect(text).toMatchFileSnapshot(path);
  });
});
