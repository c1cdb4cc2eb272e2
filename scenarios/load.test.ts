import { describe, expect, it } from 'vitest';
import { describeScenarioError, loadScenario } from './load.ts';

const said = (text: string): readonly string[] => {
  const loaded = loadScenario(text, 'a.yaml');
  return loaded.ok ? [] : describeScenarioError(loaded.error).split('\n');
};

const about = 'id: a\ntitle: t\nwhy: w\n';
const laboratory = `kind: migration\n${about}vm: { name: a }\nlaboratory: {}\n`;

describe('loading a scenario', () => {
  it('fills in what a file leaves out', () => {
    const loaded = loadScenario(laboratory, 'a.yaml');
    expect(loaded).toMatchObject({
      ok: true,
      value: { kind: 'migration', path: { type: 'direct' }, disks: 'all', approval: 'required', downtimeMax: 5_000 },
    });
  });

  it('reads a way through a gateway', () =>
    expect(
      loadScenario(`${laboratory}path: { gateway: { address: '[::1]:7443', certificates: certs } }`, 'a.yaml'),
    ).toMatchObject({
      value: { path: { type: 'gateway', address: { host: '::1', port: 7443 }, certificates: 'certs' } },
    }));

  it.each([
    ['/run/vm.qmp', { path: '/run/vm.qmp' }],
    ['vm.qmp', { path: 'vm.qmp' }],
    ['kvm-1.example:4444', { host: 'kvm-1.example', port: 4444 }],
  ])('reads the monitor %s', (qmp, address) =>
    expect(loadScenario(`kind: migration\n${about}vm: { name: a }\nsource: { qmp: '${qmp}' }`, 'a.yaml')).toMatchObject(
      { value: { source: { qmp: address } } },
    ),
  );
});

describe('a file with mistakes', () => {
  it('gets all of them at once, each with its place and what is allowed there', () =>
    expect(
      said(`kind: migration
id: a
tilte: x
why: y
vm: { name: q, gest: linux }
source: { qmp: /x }
path: { gateway: { adress: x:1, certificates: c } }
downtimeMax: 30
approval: givn
`),
    ).toEqual([
      'a.yaml:1:1: title is missing: it must be a title',
      'a.yaml:3:1: tilte is not known here; did you mean title?',
      'a.yaml:5:16: vm.gest is not known here; did you mean guest?',
      'a.yaml:7:9: path.gateway.address is missing: it must be an address such as "gateway.example:7443"',
      'a.yaml:7:20: path.gateway.adress is not known here; did you mean address?',
      'a.yaml:8:14: downtimeMax must be a duration above zero such as "30 s" or "1 h 30 min" (units: ms, s, min, h, d), but is 30',
      'a.yaml:9:11: approval must be given, required or requiredByAnother, but is "givn"; did you mean given?',
    ]));

  it('is told which kinds there are', () =>
    expect(said('kind: rehersal')).toEqual([
      'a.yaml:1:7: kind must be rehearsal, migration or check, but is "rehersal"; did you mean rehearsal?',
    ]));

  it.each([
    ['', 'a.yaml:1:1: the file is empty: it must have keys and values below it'],
    ['- a', 'a.yaml:1:1: the file must have keys and values below it'],
    ['a: [1, 2', 'a.yaml:1:9: the file is not valid YAML'],
    ['a: 1\na: 2', 'a.yaml:2:1: the file is not valid YAML: Map keys must be unique'],
    ['a: *b', 'a.yaml:1:1: the file has too many aliases, or one that leads nowhere'],
    [
      `${laboratory}target: { account: Root, checks: [] }`,
      'target.account must be a name of at most 31 small letters, digits and dashes, starting with a letter, but is "Root"',
    ],
    [
      `${laboratory}target: { checks: [{ id: mine, script: id, asAccount: true }] }`,
      'target.checks[0].asAccount needs an account to run as: give target.account',
    ],
    [`kind: migration\n${about}vm: { name: a }`, 'a.yaml:1:1: source is missing: it must have "qmp"'],
    [`${laboratory}source: { qmp: /x }`, 'a.yaml:7:16: source.qmp must be left out'],
    [`${laboratory}disks: all of them`, 'a.yaml:7:8: disks must be "all" or a list of disk names'],
    [`${laboratory}disks: [a, 'b c']`, 'a.yaml:7:12: disks[1] must be the name of a disk'],
    [`${laboratory}path: dirct`, 'a.yaml:7:7: path must be "direct", or "gateway"'],
    [`${laboratory}roundsMax: 0`, 'a.yaml:7:12: roundsMax must be a whole number from 1 to 1000'],
    [`${laboratory}vm2: x`, 'a.yaml:7:1: vm2 is not known here; did you mean vm?'],
  ])('%j', (text, message) => expect(said(text).join('\n')).toContain(message));

  it('is not expanded without end', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 0; i < 8; i += 1) {
      const [name, before] = ['bcdefghi'[i], 'abcdefgh'[i]];
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
    }
    expect(said(bomb.join('\n'))).toEqual(['a.yaml:1:1: the file has too many aliases, or one that leads nowhere']);
  });

  it('is refused when no person can have written it', () =>
    expect(said(`${laboratory}#${'x'.repeat(1_000_000)}`)).toEqual([
      'a.yaml:1:1: the file is longer than 1000000 characters',
    ]));
});

describe('a rehearsal', () => {
  const rehearsal = (more: string): string => `kind: rehearsal
${about}estate:
  hosts: [{ name: kvm-1, platform: kvm }]
  vms: [{ name: web-1, host: kvm-1, disks: [{ size: 4 GiB }] }]
${more}`;
  const wave = 'wave: { id: w, window: { opens: 1 h, closes: 2 h } }\n';

  it('needs little', () =>
    expect(loadScenario(rehearsal(wave), 'a.yaml')).toMatchObject({
      value: {
        speed: 60,
        plan: { downtimeMax: 120_000 },
        estate: { links: [{ name: 'wan', bandwidth: 125_000_000 }] },
      },
    }));

  it.each([
    [wave.replace('2 h', '30 min'), 'wave.window.closes must be later than "opens"'],
    [`${wave}members: { wbe-1: {} }`, 'members.wbe-1 must be the name of a VM; did you mean web-1?'],
    [`${wave}members: { web-1: { after: [x] } }`, 'members.web-1.after[0] must be the name of a VM'],
    [`${wave}faults: [{ type: linkDwn }]`, 'or linkDown, but is "linkDwn"; did you mean linkDown?'],
    [
      `${wave}faults: [{ type: linkDown, link: wna, at: 1 h }]`,
      'faults[0].link must be the name of a link; did you mean wan?',
    ],
    [`${wave}faults: [{ type: linkDown }]`, 'faults[0] must say when: "at", "every" or "on"'],
    [
      `${wave}faults: [{ type: hostDown, host: kvm-1, at: 1 h, every: 2 h }]`,
      'faults[0] must say when in one way only, and has "at" and "every"',
    ],
    [
      `${wave}faults: [{ type: hostDown, host: kvm-2, at: 1 h }]`,
      'faults[0].host must be the name of a host; did you mean kvm-1?',
    ],
    [
      `${wave}faults: [{ type: datastoreFull, datastore: gold, at: 1 h }]`,
      'faults[0].datastore must be the name of a datastore',
    ],
    [
      `${wave}faults: [{ type: linkSlow, on: { fact: CutoverStartd } }]`,
      'faults[0].on.fact must be the name of a fact of a migration, such as CutoverStarted, but is "CutoverStartd"; did you mean CutoverStarted?',
    ],
    [
      `${wave}faults: [{ type: linkSlow, on: { fact: CutoverStarted, vm: web-2 } }]`,
      'faults[0].on.vm must be the name of a VM; did you mean web-1?',
    ],
    [
      `${wave}operators: { acts: [{ act: pase, at: 1 h }] }`,
      'operators.acts[0].act must be pause, rescan, cancel or rollBack, but is "pase"; did you mean pause?',
    ],
    [`${wave}operators: { acts: [{ act: pause }] }`, 'operators.acts[0] must say when: "at", "every" or "on"'],
    [
      `${wave}faults: [{ type: trackingLost, vms: [web-2] }]`,
      'faults[0].vms[0] must be the name of a VM; did you mean web-1?',
    ],
  ])('%j', (more, message) => expect(said(rehearsal(more)).join('\n')).toContain(message));
});
