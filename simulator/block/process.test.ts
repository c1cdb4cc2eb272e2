import { describe, expect, it } from 'vitest';
import { simulatedProcess } from './process.ts';

describe('a simulated process', () => {
  it('lives until it is killed, and stays dead', () => {
    const process = simulatedProcess('receiver');
    expect([process.name, process.isAlive()]).toEqual(['receiver', true]);
    process.kill();
    process.kill();
    expect(process.isAlive()).toBe(false);
  });

  it('undoes what was bound to it once, in order, and is dead by then', () => {
    const process = simulatedProcess('receiver');
    const seen: string[] = [];
    process.whenKilled(() => seen.push(`files, ${process.isAlive() ? 'alive' : 'dead'}`));
    process.whenKilled(() => {
      seen.push('network');
      process.kill();
    });
    expect(seen).toEqual([]);
    process.kill();
    process.kill();
    expect(seen).toEqual(['files, dead', 'network']);
  });

  it('does not undo what was called off', () => {
    const process = simulatedProcess('receiver');
    const seen: string[] = [];
    const callOff = process.whenKilled(() => seen.push('connection 1'));
    process.whenKilled(() => seen.push('connection 2'));
    callOff();
    process.kill();
    callOff();
    expect(seen).toEqual(['connection 2']);
  });

  it('undoes at once what is bound to a dead one', () => {
    const process = simulatedProcess('receiver');
    process.kill();
    let undone = false;
    process.whenKilled(() => (undone = true));
    expect(undone).toBe(true);
  });
});
