import { expect, it } from 'vitest';
import { abortedWith, calledOff } from './called-off.ts';

it('a controller is aborted with its signal, whichever of the two is first', () => {
  const above = new AbortController();
  const before = abortedWith(above.signal).controller;
  expect(before.signal.aborted).toBe(false);
  above.abort();
  expect(before.signal.aborted).toBe(true);
  expect(before.signal.reason).toBe(calledOff);
  expect(abortedWith(above.signal).controller.signal.aborted).toBe(true);
});

it('and not any more once it was let go of, nor is its signal aborted with it', () => {
  const above = new AbortController();
  const { controller, letGo } = abortedWith(above.signal);
  const own = abortedWith(above.signal).controller;
  letGo();
  own.abort();
  expect(above.signal.aborted).toBe(false);
  above.abort();
  expect(controller.signal.aborted).toBe(false);
});

it('a controller without a signal is its own', () => {
  const { controller, letGo } = abortedWith(undefined);
  letGo();
  expect(controller.signal.aborted).toBe(false);
});
