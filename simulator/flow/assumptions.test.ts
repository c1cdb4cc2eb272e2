import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { bytesPerSecond } from '#core/units';
import { assumptionRows, assumptionsWith, defaultAssumptions } from './assumptions.ts';
import { constantText } from './constant-text.ts';

const head = `# Assumptions

Every constant of the flow world: its default, what it is, and where it comes from. The word *assumed* says that nobody has measured or published it: it
was chosen by people who know such systems, and a forecast is as good as it is. A scenario sets each under the key \`assumptions\`, by the name that stands
here (\`assumptions: { target: { powerOn: 10 s to 30 s } }\`); a span is drawn evenly, both ends included.

This file is made from \`constants.ts\`: renew it with \`npx vitest run simulator/flow/assumptions.test.ts -u\`.

`;

// Those of the estate are keys of a scenario themselves; here they are for whoever looks for a source.
const estateDefaults = `
## What an estate has if its scenario does not say

| Key | Default | Source |
| --- | --- | --- |
| \`hosts[].read\` | 253 MB/s | Forklift, measured warm copy of many disks of one host |
| \`gateway.bandwidth\`, \`receiver.bandwidth\` | 1.6 Gbit/s | HCX interconnect appliance (second-hand; nothing was found for SGW and SDR) |
| \`gateway.flow\`, \`receiver.flow\` | 1 Gbit/s | HCX interconnect appliance, one flow (second-hand) |
| \`links\` | one of 1 Gbit/s, 10 ms one way, no loss | *assumed* |
| \`vms[].writes\` | 512 KiB/s, steady, over 1 GiB | *assumed* |
| \`hosts[].cores\`, \`gateway.cores\`, \`receiver.cores\` | enough | *assumed*; an SGW or SDR has 8 |
| \`datastores\`, \`vcenter\` | never the bottleneck, never full, everything at once | *assumed* |

TCP is held to 1.22 x segment / (round trip x root of loss) for each connection: Mathis et al., The macroscopic behavior of the TCP congestion
avoidance algorithm (1997).
`;

describe('the assumptions', () => {
  it('are all in ASSUMPTIONS.md, with a source or the word assumed', async () => {
    const path = `${import.meta.dirname}/ASSUMPTIONS.md`;
    const rows = assumptionRows().map(({ path: name, constant }) => {
      const source = constant.source === 'assumed' ? '*assumed*' : constant.source;
      return `| \`${name.join('.')}\` | ${constantText(constant)} | ${constant.what} | ${source} |`;
    });
    const table = ['| Constant | Default | What it is | Source |', '| --- | --- | --- | --- |', ...rows].join('\n');
    const text = await format(`${head}${table}\n\n${estateDefaults}`, {
      ...(await resolveConfig(path)),
      parser: 'markdown',
    });
    await expect(text).toMatchFileSnapshot(path);
  });

  it('say what they are and where they come from, each of them', () => {
    expect(assumptionRows().filter(({ constant: { what, source } }) => !what || !source)).toEqual([]);
  });

  it('can be changed one by one, and the rest stays', () => {
    const changed = assumptionsWith({
      streams: { diskMax: bytesPerSecond(5) },
      guests: { 'rhel-9': { boot: [1, 2] } },
    });
    expect(changed.streams).toEqual({ ...defaultAssumptions.streams, diskMax: 5 });
    expect(changed.guests['rhel-9']).toEqual({ ...defaultAssumptions.guests['rhel-9'], boot: [1, 2] });
    expect(changed.platforms).toEqual(defaultAssumptions.platforms);
  });
});
