/** A style sheet. Nothing can be filled in: no part of it comes from a scenario. */
export const css = (texts: TemplateStringsArray): string => texts.join('');
