import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { estateJsonSchema } from './estate-file.ts';
import { describeScenarioError, estateFileNamed, loadScenario, type EstateText } from './load.ts';
import { estateOf } from './rehearsal-plan.ts';
import { planOfWave } from './wave-plans.ts';
import type { RehearsalScenario } from './rehearsal-scenario.ts';

const scenario = (estate: string, more = ''): string => `kind: rehearsal
id: a
title: t
why: w
estate: ${estate}
wave: { id: w, window: { opens: 1 h, closes: 2 h } }
${more}`;
const estate = `kind: estate
hosts: [{ name: kvm-1, platform: kvm }]
vms:
  - { name: db-1, host: kvm-1, application: shop, disks: [{ size: 40 GiB, used: 10 GiB }] }
  - { name: web-1, host: kvm-1, application: shop, tags: [front], after: [db-1], disks: [{ size: 8 GiB }] }
`;
const handed = (text: string): EstateText => ({ file: 'e.yaml', text });

function loaded(text: string, estateText: string): RehearsalScenario {
  const result = loadScenario(text, 'a.yaml', handed(estateText));
  if (!result.ok) throw new Error(describeScenarioError(result.error));
  if (result.value.kind !== 'rehearsal') throw new Error('not a rehearsal');
  return result.value;
}
const said = (text: string, estateText: EstateText): readonly string[] => {
  const result = loadScenario(text, 'a.yaml', estateText);
  return result.ok ? [] : describeScenarioError(result.error).split('\n');
};
const names = (items: readonly { readonly name: string }[]): readonly string[] => items.map(({ name }) => name);

describe('a scenario that names an estate file', () => {
  it('is asked which file that is, without being loaded', () => {
    expect(estateFileNamed(scenario('{ file: bank/estate.yaml }'))).toBe('bank/estate.yaml');
    expect(estateFileNamed(scenario('{ generate: { vms: 2 } }'))).toBeUndefined();
    expect(estateFileNamed('{{')).toBeUndefined();
  });

  it('has its hosts and VMs, and what is used of their disks as a size or as a share', () => {
    const { hosts, vms } = estateOf(loaded(scenario('{ file: e.yaml }'), estate), seededRng(1));
    expect(names(hosts)).toEqual(['kvm-1']);
    expect(vms.map(({ name, link, disks }) => [name, link, ...disks.map(({ used }) => used / 2 ** 30)])).toEqual([
      ['db-1', 'wan', 10],
      ['web-1', 'wan', 4],
    ]);
    expect(vms[1]).toMatchObject({ application: 'shop', tags: ['front'], after: ['db-1'] });
  });

  it('moves its VMs in the order the file asks for, and in the one of its own', () => {
    const places = '{ file: e.yaml, generate: { vms: 1 } }';
    const made = estateOf(loaded(scenario(places), estate), seededRng(1)).vms.at(-1)?.name ?? '';
    const from = loaded(scenario(places, `members: { db-1: { after: [${made}] } }`), estate);
    const whole = estateOf(from, seededRng(1));
    const nobody = () => false;
    const fleet = { isOver: nobody, hasMoved: nobody, isTaken: nobody, cutovers: () => 0 };
    const { members } = planOfWave(from, whole, from.wave, { vms: whole.vms, start: from.starts, fleet });
    expect(members.slice(0, 2).map(({ after }) => after)).toEqual([[made], ['db-1']]);
  });

  it('stands in with what it lists for what has the same name in the file, and adds the rest', () => {
    const own = `
  file: e.yaml
  hosts: [{ name: kvm-1, platform: kvm, read: 99 MB/s }, { name: ahv-1, platform: ahv }]
  vms: [{ name: db-1, host: ahv-1, disks: [{ size: 1 GiB }] }, { name: new-1, host: ahv-1, disks: [{ size: 1 GiB }] }]`;
    const { hosts, vms } = loaded(scenario(own), estate).estate;
    expect(hosts.map(({ name, read }) => [name, read])).toEqual([
      ['kvm-1', 99_000_000],
      ['ahv-1', 253_000_000],
    ]);
    expect(vms.map(({ name, host }) => [name, host])).toEqual([
      ['db-1', 'ahv-1'],
      ['web-1', 'kvm-1'],
      ['new-1', 'ahv-1'],
    ]);
  });

  it('takes the links of the file if it says none, and the first of them for VMs that name none', () => {
    const mpls = `${estate}links: [{ name: mpls, bandwidth: 300 Mbit/s }]\n`;
    const taken = loaded(scenario('{ file: e.yaml }'), mpls).estate;
    expect([names(taken.links), taken.vms.map(({ link }) => link)]).toEqual([['mpls'], ['mpls', 'mpls']]);
    const own = loaded(scenario('{ file: e.yaml, links: [{ name: wan, bandwidth: 1 Gbit/s }] }'), mpls).estate;
    expect([names(own.links), own.vms.map(({ link }) => link)]).toEqual([
      ['mpls', 'wan'],
      ['wan', 'wan'],
    ]);
  });

  it('may speak of the VMs in the file, and of no others', () => {
    const members = 'members: { db-1: {}, wbe-1: {} }\nfaults: [{ type: trackingLost, vms: [web-2] }]';
    expect(said(scenario('{ file: e.yaml }', members), handed(estate))).toEqual([
      'a.yaml:7:29: members.wbe-1 must be the name of a VM; did you mean web-1?',
      'a.yaml:8:38: faults[0].vms[0] must be the name of a VM; did you mean web-1?',
    ]);
  });

  it('says where the file is named if it cannot be read, or was not handed in', () => {
    const text = scenario('{ file: e.yml }');
    expect(said(text, { file: 'e.yml', unreadable: 'ENOENT' })).toEqual([
      'a.yaml:5:17: estate.file must be the path of an estate file that can be read (ENOENT), but is "e.yml"',
    ]);
    expect(loadScenario(text, 'a.yaml').ok).toBe(false);
  });
});

describe('an estate file with mistakes', () => {
  it('is told with those of the scenario, each with the name and line of its own file', () =>
    expect(
      said(
        scenario('{ file: e.yaml, gatway: {} }'),
        handed(estate.replace('platform: kvm', 'platform: kmv').replace('tags', 'tgas')),
      ),
    ).toEqual([
      'a.yaml:5:25: estate.gatway is not known here; did you mean gateway?',
      'e.yaml:2:34: hosts[0].platform must be kvm, hyperv or ahv, but is "kmv"; did you mean kvm?',
      'e.yaml:5:52: vms[1].tgas is not known here; did you mean tags?',
    ]));

  it.each([
    [estate.replace('kind: estate', 'kind: rehearsal'), 'e.yaml:1:7: kind must be estate, but is "rehearsal"'],
    [estate.replace('host: kvm-1', 'host: kvm-2'), 'vms[0].host must be the name of a host; did you mean kvm-1?'],
    [
      estate.replace('host: kvm-1', 'link: wna, host: kvm-1'),
      'vms[0].link must be the name of a link; did you mean wan?',
    ],
    [estate.replace('[db-1]', '[db-2]'), 'e.yaml:5:75: vms[1].after[0] must be the name of a VM; did you mean db-1?'],
    [estate.replace('name: web-1', 'name: db-1'), 'e.yaml:5:13: vms[1].name must not be used twice, but is "db-1"'],
    [estate.replace('used: 10 GiB', 'used: 50 GiB'), 'vms[0].disks[0].used must not be above "size", but is "50 GiB"'],
    [
      estate.replace('used: 10 GiB', 'used: most'),
      'vms[0].disks[0].used must be a share such as "50 %", or a size such as "20 GiB", but is "most"',
    ],
    ['kind: estate\nvms: []', 'e.yaml:2:6: vms must list at least one VM'],
    ['', 'e.yaml:1:1: the file is empty'],
    ['a: [', 'e.yaml:1:5: the file is not valid YAML'],
  ])('%#: %j', (text, message) =>
    expect(said(scenario('{ file: e.yaml }'), handed(text)).join('\n')).toContain(message),
  );

  it('gets no more of them than a person wants to see', () => {
    const vms = Array.from({ length: 300 }, (_, i) => `  - { name: vm-${i}, host: nowhere, disks: [{ size: 1 GiB }] }`);
    expect(said(scenario('{ file: e.yaml }'), handed(`kind: estate\nvms:\n${vms.join('\n')}`))).toHaveLength(50);
  });
});

describe('the JSON Schema of estate files', () => {
  it('is what the code says (renew it with `npx vitest run scenarios/estate-file.test.ts -u`)', async () => {
    const path = `${import.meta.dirname}/estate.schema.json`;
    const text = await format(JSON.stringify(estateJsonSchema()), { ...(await resolveConfig(path)), parser: 'json' });
    await expect(text).toMatchFileSnapshot(path);
  });
});
