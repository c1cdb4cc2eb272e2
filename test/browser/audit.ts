import type { Page } from 'playwright-core';

/**
 * Looks through every shadow root for what makes a page hard to use: controls without a name, an id used twice, not exactly
 * one heading of the first level, sideways scrolling, and text too faint for its ground. One sentence for each finding; none
 * for a page that is well.
 */
export async function audit(page: Page): Promise<readonly string[]> {
  return [...new Set([...(await page.evaluate(structureFindings)), ...(await page.evaluate(contrastFindings))])];
}

// These two run in the browser: they may use nothing from outside themselves.

function structureFindings(): string[] {
  const findings: string[] = [];
  const controls = 'a[href], button, input, select, textarea, [role=slider], [role=button], [tabindex="0"]';
  const elements = (root: Document | ShadowRoot): Element[] =>
    [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? elements(one.shadowRoot) : [])]);
  const rootOf = (element: Element): Document | ShadowRoot => element.getRootNode() as Document | ShadowRoot;
  const told = (element: Element): string =>
    `<${element.localName}> ${(element.textContent ?? '').trim().slice(0, 40)}`;
  const nameOf = (element: Element): string => {
    const ids = (element.getAttribute('aria-labelledby') ?? '').split(' ').filter((id) => id !== '');
    const labels = 'labels' in element ? [...((element.labels as NodeListOf<HTMLElement> | null) ?? [])] : [];
    return [
      element.getAttribute('aria-label'),
      ...ids.map((id) => rootOf(element).getElementById(id)?.textContent),
      ...labels.map((label) => label.textContent),
      element.textContent,
    ]
      .join(' ')
      .trim();
  };
  const shown = elements(document).filter((one) => one.checkVisibility({ visibilityProperty: true }));
  for (const one of shown) {
    if (one.matches(controls) && nameOf(one) === '') findings.push(`has no name: ${told(one)}`);
    if (one.localName === 'svg' && !one.hasAttribute('aria-hidden') && !one.hasAttribute('aria-label'))
      findings.push(`is neither hidden nor named: ${told(one)}`);
  }
  for (const root of new Set(shown.map(rootOf))) {
    const ids = [...root.querySelectorAll('[id]')].map(({ id }) => id);
    findings.push(...ids.filter((id, n) => ids.indexOf(id) !== n).map((id) => `the id ${id} is used twice`));
  }
  const headings = shown.filter(({ localName }) => localName === 'h1').length;
  if (headings !== 1) findings.push(`there are ${headings} headings of the first level`);
  for (const landmark of ['main', 'nav'])
    if (!shown.some(({ localName }) => localName === landmark)) findings.push(`there is no <${landmark}>`);
  if (document.documentElement.lang === '') findings.push('the page does not say its language');
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) findings.push(`the page scrolls sideways: ${scrollWidth} of ${clientWidth}`);
  return findings;
}

function contrastFindings(): string[] {
  // 0 to 1 each. Grounds may be translucent, so a colour is judged over whatever is painted behind it.
  type Colour = readonly [red: number, green: number, blue: number, alpha: number];
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (text: string): Colour => {
    context?.clearRect(0, 0, 1, 1);
    if (context) context.fillStyle = text;
    context?.fillRect(0, 0, 1, 1);
    const [r = 0, g = 0, b = 0, a = 0] = context?.getImageData(0, 0, 1, 1).data ?? [];
    return [r / 255, g / 255, b / 255, a / 255];
  };
  const over = (top: Colour, below: Colour): Colour => {
    const mix = (n: 0 | 1 | 2): number => top[n] * top[3] + below[n] * (1 - top[3]);
    return [mix(0), mix(1), mix(2), 1];
  };
  const luminance = ([r, g, b]: Colour): number => {
    const linear = (n: number): number => (n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const elements = (root: Document | ShadowRoot): Element[] =>
    [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? elements(one.shadowRoot) : [])]);
  const chain = (element: Element): Element[] => {
    const root = element.getRootNode();
    const outer = element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
    return [element, ...(outer ? chain(outer) : [])];
  };
  const findings: string[] = [];
  for (const one of elements(document)) {
    const text = [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent);
    if (text.join('').trim() === '' || one.closest('.unseen, option') || !one.checkVisibility()) continue;
    const styles = chain(one).map((element) => getComputedStyle(element));
    // What lies ahead of the moment is drawn faintly on purpose, and can be read by going there.
    if (styles.some(({ opacity }) => Number(opacity) < 0.99)) continue;
    const ground = styles
      .map(({ backgroundColor }) => parse(backgroundColor))
      .reduceRight((below, layer) => over(layer, below), [1, 1, 1, 1] as Colour);
    const { color = '', fontSize = '', fontWeight = '' } = styles[0] ?? {};
    const [a, b] = [luminance(over(parse(color), ground)), luminance(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.6 && Number(fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) findings.push(`is too faint (${ratio.toFixed(2)}): ${text.join('').trim()}`);
  }
  return findings;
}
