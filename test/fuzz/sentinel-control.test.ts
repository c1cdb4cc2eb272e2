import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callNames, readAnswer, readAsked } from '#replicator/sentinel/control/calls';
import { encodeMessage, messageMax, messageReader } from '#replicator/sentinel/control/message-stream';
import { readGatewayWord, readSentinelWord } from '#replicator/sentinel/control/words';
import { smallInventory } from '#test/support/small-guest';

/* Whatever arrives on a control connection is words or a sentence about what is wrong, and never holds more than one message. */

const pieces = (whole: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] => {
  const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return at.slice(1).map((end, index) => whole.subarray(at[index], end));
};
const words = fc.oneof(
  fc.record({ type: fc.constant('Ask'), id: fc.nat(), call: fc.constantFrom(...callNames), asks: fc.jsonValue() }),
  fc.record({ type: fc.constant('Answer'), id: fc.nat(), value: fc.jsonValue() }),
  fc.record({ type: fc.constantFrom('Goodbye', 'Failed'), why: fc.string(), detail: fc.string() }),
  fc.record({
    type: fc.constant('Hello'),
    protocol: fc.record({ min: fc.nat(), max: fc.nat() }),
    can: fc.array(fc.string()),
  }),
);

describe('bytes on a control connection', () => {
  it('are the messages that were said, however they are cut', () =>
    fc.assert(
      fc.property(fc.array(words, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 8 }), (said, cuts) => {
        const whole = Buffer.concat(said.map((word) => encodeMessage(word)));
        const reader = messageReader();
        const heard = pieces(whole, cuts).flatMap((piece) => {
          const read = reader.feed(piece);
          if (!read.ok) throw new Error(read.error);
          return read.value;
        });
        expect(heard).toEqual(said.map((word) => JSON.stringify(word)));
        expect(reader.rest()).toHaveLength(0);
      }),
    ));

  it('that break the rule end the reader, at once and for ever', () =>
    fc.assert(
      fc.property(fc.integer({ min: messageMax + 1, max: 2 ** 32 - 1 }), fc.uint8Array(), (length, more) => {
        const head = Buffer.alloc(4);
        head.writeUInt32BE(length);
        const reader = messageReader();
        expect(reader.feed(Buffer.concat([head, more]))).toMatchObject({ ok: false });
        expect(reader.feed(encodeMessage({ type: 'Alive' }))).toMatchObject({ ok: false });
      }),
    ));

  it('never throw', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        const read = messageReader().feed(noise);
        for (const json of read.ok ? read.value : [])
          for (const reading of [readGatewayWord, readSentinelWord]) reading(json);
      }),
    ));
});

describe('words', () => {
  it('are understood or refused with a sentence, whatever they are', () =>
    fc.assert(
      fc.property(fc.oneof(words, fc.jsonValue()), (value) => {
        for (const read of [readGatewayWord, readSentinelWord]) {
          const word = read(JSON.stringify(value));
          if (!word.ok) expect(word.error).toMatch(/^a message that is not/);
        }
      }),
    ));

  it('ask and answer nothing that a call does not know', () =>
    fc.assert(
      fc.property(fc.constantFrom(...callNames), fc.jsonValue(), (call, value) => {
        const [asked, answered] = [readAsked(call, value), readAnswer(call, value)];
        if (!asked.ok) expect(asked.error).toContain(call);
        if (!answered.ok) expect(answered.error.type).toBe('ProtocolViolation');
      }),
    ));

  it('of an inventory with one wrong value are not believed', () => {
    expect(readAnswer('inspect', smallInventory)).toEqual({ ok: true, value: smallInventory });
    for (const key of Object.keys(smallInventory))
      expect(readAnswer('inspect', { ...smallInventory, [key]: -1.5 }), key).toMatchObject({ ok: false });
  });
});
