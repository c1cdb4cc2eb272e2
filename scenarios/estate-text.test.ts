import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateFleet } from '#simulator/estate/generate';
import { profileNames } from '#simulator/estate/profiles';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { scenarioOn } from '#test/support/estate-scenario';
import { estateDocument, estateYaml } from './estate-text.ts';
import { estateOf } from './rehearsal-plan.ts';

function fleetIn(text: string) {
  const { hosts, vms } = estateOf(scenarioOn(text), seededRng(1));
  return { hosts, vms };
}

describe('an estate as text', () => {
  it('is read as the very fleet it was made from, as YAML and as JSON', () =>
    fc.assert(
      fc.property(fc.constantFrom(...profileNames), fc.nat(), fc.integer({ min: 1, max: 30 }), (profile, seed, vms) => {
        const fleet = generateFleet(seededRng(seed), { vms, profile, link: 'wan' });
        const document = estateDocument(fleet, 'a fleet');
        const yaml = estateYaml(document, ['made by a test']);
        expect(fleetIn(yaml)).toEqual(fleet);
        // What is the same in two places is not one thing: whoever edits the one means the one.
        expect(yaml).not.toMatch(/[&*]a\d/);
        expect(fleetIn(JSON.stringify(document))).toEqual(fleet);
      }),
      { numRuns: 20 },
    ));

  it('has a line for each thing that a person looks for', () => {
    const fleet = generateFleet(seededRng(1), { vms: 1, profile: 'webshop', link: 'wan' });
    expect(estateYaml(estateDocument(fleet, 'One VM'), ['made by a test'])).toMatchInlineSnapshot(`
      "# made by a test

      kind: estate
      title: One VM
      hosts:
        - { name: kvm-01, platform: kvm, read: 253 MB/s }
      vms:
        - name: orders-01-db-1
          host: kvm-01
          guest: sles-15
          application: orders-01
          tags: [ db ]
          disks: [ { id: disk0, size: 57 GiB, used: 33854 MiB }, { id: disk1, size: 46 GiB, used: 34386 MiB }, { id: disk2, size: 32 GiB, used: 21955 MiB } ]
          writes: { rate: 2361 KiB/s, pattern: daily, workingSet: 6314 MiB }
      "
    `);
  });

  it('stays one comment whatever names are in it', () => {
    const fleet = generateFleet(seededRng(1), { vms: 1, link: 'wan' });
    const text = estateYaml(estateDocument(fleet, 't'), ['a\nkind: other', 'b\r\u001B[31m']);
    expect(text.split('\n').slice(0, 2)).toEqual(['# a kind: other', '# b [31m']);
    expect(fleetIn(text)).toEqual(fleet);
  });
});
