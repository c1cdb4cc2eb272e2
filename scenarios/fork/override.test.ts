import { describe, expect, it } from 'vitest';
import { overridden, overrideOf, type Override } from './override.ts';

const text = `
kind: rehearsal
estate:
  hosts:
    - { name: kvm-1, platform: kvm }
  links: # both ways
    - { name: wan, bandwidth: 2 Gbit/s, latency: 12 ms }
    - { name: lan, bandwidth: 10 Gbit/s }
`;
const set = (one: string): Override => {
  const read = overrideOf(one);
  if (!read.ok) throw new Error(read.error);
  return read.value;
};

describe('what is to be different', () => {
  it('is a place and a value', () =>
    expect(overrideOf('links.wan.bandwidth=500Mbit')).toEqual({
      ok: true,
      value: { path: ['links', 'wan', 'bandwidth'], value: '500Mbit' },
    }));

  it('may name the estate first, and may have blanks', () =>
    expect(overrideOf('estate.gateway.bandwidth = 1 Gbit/s')).toEqual({
      ok: true,
      value: { path: ['gateway', 'bandwidth'], value: '1 Gbit/s' },
    }));

  it.each([
    ['links.wan.bandwidth', 'must be a place and a value, such as links.wan.bandwidth=500Mbit'],
    ['=3', 'must be a place and a value'],
    ['linsk.wan.bandwidth=1Gbit', 'did you mean links?'],
    ['vms.web.host=kvm-2', 'vms cannot be set in a rehearsal that goes on'],
    ['links.bandwidth=1Gbit', 'links.<name>.bandwidth|latency|loss'],
    ['gateway.a.b=1', 'gateway.bandwidth|flow'],
    ['links.wan.bandwith=1Gbit', 'did you mean bandwidth?'],
    ['hosts.kvm-1.platform=ahv', 'hosts.<name>.read'],
  ])('%s is refused with what is allowed', (said, why) => {
    const read = overrideOf(said);
    expect(read.ok ? '' : read.error).toContain(why);
  });
});

describe('a scenario with other values', () => {
  it('has them, and everything else as it was', () => {
    const changed = overridden(text, [set('links.wan.bandwidth=500Mbit'), set('receiver.flow=1Gbit/s')]);
    expect(changed.ok ? changed.value : changed.error).toContain('{ name: wan, bandwidth: 500 Mbit, latency: 12 ms }');
    expect(changed.ok && changed.value).toContain('flow: 1 Gbit/s');
    expect(changed.ok && changed.value).toContain('# both ways');
    expect(changed.ok && changed.value).toContain('10 Gbit/s');
  });

  it('may have a link that was left to its default', () => {
    const changed = overridden('kind: rehearsal\nestate: { generate: { vms: 2 } }\n', [
      set('links.wan.bandwidth=1Mbit'),
    ]);
    expect(changed.ok ? changed.value : changed.error).toContain('bandwidth: 1 Mbit');
  });

  it.each([
    ['links.wna.bandwidth=1Mbit', 'no links called wna; did you mean wan?'],
    ['hosts.esx-9.read=1 MB/s', 'no hosts called esx-9 (it has kvm-1)'],
    ['datastores.ds1.write=1 MB/s', 'lists no datastores'],
  ])('%s is refused with what there is', (said, why) => {
    const changed = overridden(text, [set(said)]);
    expect(changed.ok ? '' : changed.error).toContain(why);
  });
});
