import { describe, expect, it } from 'vitest';
import { elapsed, ratio, seconds } from '#core/units';
import { simulatedProcess } from '#simulator/block/process';
import { seededRng } from '#simulator/kernel/seeded-rng';
import { virtualClock } from '#simulator/kernel/virtual-clock';
import { simulatedCalls, type CallTrouble } from './simulated-calls.ts';
import { simulatedNetwork } from './simulated-network.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function world(seed = 1) {
  const clock = virtualClock({ turn });
  const notes: string[] = [];
  const note = (label: string, value: string | number | boolean): void => void notes.push(`${label}: ${value}`);
  const network = simulatedNetwork({ clock, rng: seededRng(seed), note });
  const calls = simulatedCalls({ clock, rng: seededRng(seed), note, network });
  const manager = simulatedProcess('manager');
  const place = { from: 'manager', to: 'vcenter', name: 'PowerOn' };
  let done = 0;
  const call = () => calls.call(manager, place, () => (done += 1));
  return { clock, network, calls, manager, place, notes, call, done: () => done };
}

const always = ratio(1, 1);

describe('a call', () => {
  it('is answered after a while', async () => {
    const { clock, call } = world();
    expect(await clock.run(call())).toEqual({ type: 'answered', answer: 1 });
    expect(clock.now()).toBeGreaterThan(0);
  });

  it.each<readonly [CallTrouble['fate'], string, number, number]>([
    ['neverSent', 'neverSent', 0, 0],
    ['refused', 'refused', 0, 0],
    ['answerLost', 'answerLost', 1, 1],
    ['late', 'answerLost', 0, 1],
    ['twice', 'answered', 1, 2],
  ])('has the fate %s, of which its caller hears: %s', async (fate, heard, doneThen, doneInTheEnd) => {
    const { clock, calls, call, done, notes } = world();
    const heal = calls.trouble({ fate, to: 'vcenter', name: 'PowerOn', chance: always });
    expect((await clock.run(call())).type).toBe(heard);
    expect(done()).toBe(doneThen);
    await clock.run(clock.wait(seconds(60)));
    expect(done()).toBe(doneInTheEnd);
    expect(notes).toEqual([`manager calls PowerOn of vcenter: ${fate}`]);
    heal();
    expect((await clock.run(call())).type).toBe('answered');
  });

  it('is not concerned by the trouble of other calls and hosts', async () => {
    const { clock, calls, call } = world();
    calls.trouble({ fate: 'refused', to: 'vcenter', name: 'PowerOff', chance: always });
    calls.trouble({ fate: 'refused', to: 'elsewhere', chance: always });
    expect((await clock.run(call())).type).toBe('answered');
  });

  it('over a link that is blocked was never sent, or its answer is lost', async () => {
    const { clock, network, call, done } = world();
    network.link('manager', 'vcenter').partition('manager');
    const begun = clock.now();
    expect((await clock.run(call())).type).toBe('neverSent');
    expect(elapsed(begun, clock.now())).toBe(seconds(30));
    expect(done()).toBe(0);
    network.link('manager', 'vcenter').heal();
    network.link('manager', 'vcenter').partition('vcenter');
    expect((await clock.run(call())).type).toBe('answerLost');
    expect(done()).toBe(1);
  });

  it('of a caller that dies is done, and never heard of', async () => {
    const { clock, manager, call, done } = world();
    let heard = false;
    void call().then(() => (heard = true));
    manager.kill();
    await clock.run(clock.wait(seconds(60)));
    expect([done(), heard]).toEqual([1, false]);
  });

  it('may be overtaken by one that was made later', async () => {
    const { clock, calls, manager, place } = world();
    const order: number[] = [];
    const all = Array.from({ length: 10 }, (_, number) => calls.call(manager, place, () => order.push(number)));
    await clock.run(Promise.all(all));
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  });
});
