import { describe, expect, it } from 'vitest';
import { markup } from './markup.ts';

describe('markup', () => {
  it('escapes whatever is filled in, in content and in attributes', () => {
    const name = `<img src=x onerror="alert('1')"> & co`;
    const { markup: text } = markup`<b title="${name}">${name}</b>`;
    const safe = '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; co';
    expect(text).toBe(`<b title="${safe}">${safe}</b>`);
  });

  it('takes markup as it is, and lists of it', () => {
    const rows = ['a', '<'].map((name) => markup`<li>${name}</li>`);
    expect(markup`<ul>${rows}</ul>`.markup).toBe('<ul><li>a</li><li>&lt;</li></ul>');
  });

  it('leaves nothing for what is not there, and a zero for a zero', () => {
    expect(markup`[${null}${undefined}${false}${0}]`.markup).toBe('[0]');
  });

  it('lets no character through that is invisible and turns text around', () => {
    expect(markup`${'db\u202Etxt.\u0007'}`.markup).toBe('db\uFFFDtxt.\uFFFD');
  });
});
