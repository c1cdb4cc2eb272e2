import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SseParser } from './sse-parser.ts';

const text =
  ': hello\r\nretry: 1000\n\nevent: fact\nid: 7\ndata: {"a":1}\n\ndata: one\ndata:two\n\nevent: empty\n\ndata: ü\n\n';

it('reads events however the text is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }), (cuts) => {
      const parser = new SseParser();
      const events = [];
      let at = 0;
      for (const cut of [...cuts, text.length]) {
        events.push(...parser.push(text.slice(at, at + cut)));
        at += cut;
      }
      expect(events).toEqual([
        { event: 'fact', id: '7', data: '{"a":1}' },
        { event: 'message', id: '7', data: 'one\ntwo' },
        { event: 'message', id: '7', data: 'ü' },
      ]);
    }),
  );
});
