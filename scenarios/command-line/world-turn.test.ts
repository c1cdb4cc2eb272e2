import { describe, expect, it } from 'vitest';
import { instant, millis } from '#core/units';
import { runBlock } from '#simulator/block/world/block-world';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { swarmShape, swarmSpec } from '#simulator/search/swarm';
import { worldTurn } from './world-turn.ts';

describe('the turn of a world', () => {
  it('is over when everything that waits for promises has run, however long that takes', async () => {
    const clock = virtualClock({ turn: worldTurn(), start: instant(0) });
    const seen: number[] = [];
    const busy = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        await clock.wait(millis(10));
        for (let hop = 0; hop < 1_000; hop += 1) await Promise.resolve();
        seen.push(clock.now());
      }
    };
    await clock.run(Promise.all([busy(), ...Array.from({ length: 500 }, (_, at) => clock.wait(millis(at)))]));
    expect(seen).toEqual(Array.from({ length: 20 }, (_, round) => 10 * (round + 1)));
  });

  it('lets Node have a turn now and then', async () => {
    const turn = worldTurn();
    let passed = false;
    setImmediate(() => (passed = true));
    let turns = 0;
    for (; !passed && turns < 10_000; turns += 1) await turn();
    expect(passed).toBe(true);
    expect(turns).toBeGreaterThan(1);
  });

  it('leads to the same log as turns of the event loop', async () => {
    const spec = swarmSpec(3, { ...swarmShape, vms: 1 });
    const ticks = await runBlock(spec, { turn: worldTurn() });
    const loops = await runBlock(spec, { turn: () => new Promise((resolve) => setImmediate(resolve)) });
    expect(ticks.hash).toBe(loops.hash);
  });
});
