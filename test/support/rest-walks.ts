import fc from 'fast-check';
import type { QuiescePolicy } from '#core/ports/guest-agent';
import { seconds } from '#core/units';
import { quiescer, type Quiescer } from '#replicator/sentinel/quiesce/quiescer';
import { notesPath } from '#replicator/sentinel/quiesce/rest-journal';
import { smallGuest, type SmallGuest } from '#replicator/sentinel/quiesce/small-guest';

/*
 * A guest brought to rest and back by the quiescer of production, whatever is asked of it when, and whenever its sentinel
 * dies: what is said of the guest is held against the guest.
 */

const calls = ['quiesce', 'resume', 'powerOff'] as const;
type Call = (typeof calls)[number];
const strikes = ['theSentinelDies', 'resume', 'powerOff', 'quiesce'] as const;

/** A guest, what is asked of its sentinel one after the other, and what comes in between. */
export interface RestWalk {
  /** Units that do not stop when they are asked to. */
  readonly deaf: readonly string[];
  /** A file system that something in the kernel keeps writable. */
  readonly held: '/data' | '/boot' | 'none';
  /** A kept unit writes to the root and to one more. */
  readonly hasLease: boolean;
  readonly obeysEmergency: boolean;
  readonly failing: 'flush-app' | 'note-it' | 'none';
  readonly asked: readonly Call[];
  /** At which change of the guest, counted from 1. */
  readonly between: readonly { readonly at: number; readonly what: (typeof strikes)[number] }[];
}

/** Any guest, and anything asked of it. */
export const anyRestWalk: fc.Arbitrary<RestWalk> = fc.record<RestWalk>({
  deaf: fc.subarray(['web.service', 'database.service'], { maxLength: 1 }),
  held: fc.constantFrom('none', 'none', '/data', '/boot'),
  hasLease: fc.boolean(),
  obeysEmergency: fc.boolean(),
  failing: fc.constantFrom('none', 'none', 'flush-app', 'note-it'),
  asked: fc
    .array(fc.constantFrom(...calls), { minLength: 1, maxLength: 4 })
    .map((rest) => ['quiesce' as const, ...rest]),
  between: fc.array(fc.record({ at: fc.integer({ min: 1, max: 70 }), what: fc.constantFrom(...strikes) }), {
    maxLength: 3,
  }),
});

const policy: QuiescePolicy = { timeout: seconds(120), keep: [], before: ['flush-app'], after: ['note-it'] };

/** Walks one guest, and throws the story of what is wrong. */
export async function soundRest(walk: RestWalk): Promise<void> {
  const walked = new WalkedGuest(walk);
  await walked.run();
}

const writable = ({ mounts }: SmallGuest): readonly string[] =>
  mounts.filter(({ readOnly, frozen }) => !readOnly && frozen !== true).map(({ mountpoint }) => mountpoint);
const inMemory = ['/run', '/share'];

/** All that service means: what runs, what can be written to, where the journal is. */
const serviceOf = (guest: SmallGuest): string =>
  JSON.stringify([
    [...guest.units].filter(([id, { active }]) => active && !id.endsWith('.scope')).map(([id]) => id),
    writable(guest),
    [...guest.swaps],
    guest.journal,
  ]);

class WalkedGuest {
  readonly #walk: RestWalk;
  readonly #guest: SmallGuest;
  readonly #before: string;
  readonly #story: string[] = [];
  #changes = 0;
  #one: Quiescer;
  /** Asked in between, and not answered yet. */
  #meanwhile: Promise<unknown>[] = [];
  /** Somebody asked to go back while it was asked for something else. */
  #givenUp = false;
  #die: () => void = () => undefined;

  constructor(walk: RestWalk) {
    this.#walk = walk;
    this.#guest = smallGuest((guest) => shape(guest, walk));
    this.#before = serviceOf(this.#guest);
    this.#one = quiescer(this.#guest.system, this.#guest.clock);
    this.#guest.interrupt = (moment, what) => this.#comesTo(moment, what);
  }

  async run(): Promise<void> {
    try {
      for (const call of this.#walk.asked) {
        if (this.#guest.power === 'off') return;
        await this.#ask(call);
      }
      this.#guest.failing.clear();
      if (this.#guest.power === 'on') await this.#ask('resume');
    } catch (error) {
      throw new Error([error instanceof Error ? error.message : String(error), ...this.#story].join('\n'));
    }
  }

  #wrong(why: string): never {
    throw new Error(why);
  }

  async #ask(call: Call): Promise<void> {
    const guest = this.#guest;
    this.#story.push(`when ${call}`);
    this.#givenUp = false;
    const died = new Promise<'died'>((resolve) => (this.#die = () => resolve('died')));
    const answer = await Promise.race([this.#answered(call), died]);
    if (answer === 'died') {
      this.#meanwhile = [];
      this.#one = quiescer(guest.system, guest.clock);
      return;
    }
    this.#story.push(`  ${answer.ok ? 'done' : answer.error.detail}`);
    if (guest.wrong.length > 0) this.#wrong(`L3 ${guest.wrong.join('; ')}`);
    if (guest.power === 'off') return;
    if (call === 'quiesce' && answer.ok) this.#isAtRest();
    // One that failed to come to rest, or was given up, serves again; so does one that was brought back.
    else if (call !== 'powerOff' && !(call === 'resume' && !answer.ok)) this.#serves(call);
  }

  /** The answer, once all that was asked in between is answered too: a sentinel may die of any of it. */
  async #answered(call: Call) {
    const answer = await this.#asked(call);
    await Promise.all(this.#meanwhile.splice(0));
    return answer;
  }

  #asked(call: Call) {
    switch (call) {
      case 'quiesce':
        return this.#one.quiesce(policy);
      case 'resume':
        return this.#one.resume();
      case 'powerOff':
        return this.#one.powerOff();
    }
  }

  #isAtRest(): void {
    if (this.#givenUp) this.#wrong('L3 what was given up is said to be at rest');
    const open = writable(this.#guest).filter((mountpoint) => !inMemory.includes(mountpoint));
    if (open.length > 0) this.#wrong(`L5 a guest is called at rest that can write to ${open.join(', ')}`);
    if (this.#guest.swaps.size > 0) this.#wrong('L5 a guest is called at rest that swaps to its disk');
  }

  #serves(call: Call): void {
    if (this.#walk.between.some(({ what }) => what === 'quiesce')) return;
    const now = serviceOf(this.#guest);
    if (now !== this.#before)
      this.#wrong(`L3 after ${call} the guest is not in service as before: ${now}, not ${this.#before}`);
    if (this.#guest.files.has(notesPath)) this.#wrong('L15 notes of a quiesce are left in the guest');
  }

  /** Around everything that changes something: a promise that never resolves is a death at that moment. */
  #comesTo(moment: 'before' | 'after', what: string): Promise<void> | void {
    const { power } = this.#guest;
    if (what === 'write /proc/sysrq-trigger o' && moment === 'before' && power === 'on') {
      const open = writable(this.#guest).filter((mountpoint) => !inMemory.includes(mountpoint));
      if (open.length > 0) this.#story.push(`  the guest is powered off while it can write to ${open.join(', ')}`);
      if (open.length > 0) this.#guest.wrong.push('a guest in service is powered off');
    }
    this.#changes += 1;
    for (const { at, what: strike } of this.#walk.between) {
      if (at !== this.#changes) continue;
      this.#story.push(`  ${moment} "${what}": ${strike}`);
      if (strike === 'theSentinelDies') {
        this.#die();
        return new Promise(() => undefined);
      }
      if (strike === 'resume') this.#givenUp = true;
      this.#meanwhile.push(this.#asked(strike));
    }
  }
}

function shape(guest: SmallGuest, { deaf, held, hasLease, obeysEmergency, failing }: RestWalk): void {
  for (const id of deaf) {
    const unit = guest.units.get(id);
    if (unit) guest.units.set(id, { ...unit, hangs: true });
  }
  for (const [at, mount] of guest.mounts.entries())
    if (mount.mountpoint === held) guest.mounts.splice(at, 1, { ...mount, held: true });
  if (hasLease)
    guest.processes.set(60, { pid: 60, command: 'dhclient', unit: 'system.slice/networking.service', opens: [20, 23] });
  guest.obeysEmergency = obeysEmergency;
  if (failing !== 'none') guest.failing.add(failing);
}
