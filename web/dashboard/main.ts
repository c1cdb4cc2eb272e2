import { apiClient } from '#web/dashboard/client/api-client';
import { showSession } from '#web/dashboard/elements/app';
import { Session } from '#web/dashboard/view-models/session';

/** The dashboard in a browser: gives the session what it needs of it, and time. */
const operatorKey = 'sealift-operator';

const session = new Session({
  api: apiClient(location.origin, (input, init) => fetch(input, init)),
  wall: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    }),
  breathe: () => new Promise((resolve) => setTimeout(resolve)),
  address: {
    read: () => location.hash,
    write: (hash, how) => {
      if (how === 'push') history.pushState(null, '', hash);
      else history.replaceState(null, '', hash);
    },
  },
  newKey: () => crypto.randomUUID(),
  operator: {
    read: () => localStorage.getItem(operatorKey) ?? 'local',
    write: (name) => localStorage.setItem(operatorKey, name),
  },
});

showSession(session);
session.start();
window.addEventListener('hashchange', () => {
  session.addressChanged();
  window.scrollTo(0, 0);
});

// Clocks on the page go on by themselves: once a second while it follows, with every frame while it plays.
const frame = (): void => {
  if (session.motion.type === 'playing') session.tick();
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
setInterval(() => {
  if (session.motion.type !== 'playing' && session.run?.mode === 'live' && !document.hidden) session.tick();
}, 1_000);
