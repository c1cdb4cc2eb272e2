import type { Constant } from './constant.ts';

/** A constant as a person writes it: `10 s to 30 s`, `76.5 MB/s`, `5 %`. */
export function constantText({ kind, value }: Pick<Constant, 'kind' | 'value'>): string {
  if (kind === 'share') {
    const { numerator, denominator } = value as Constant<'share'>['value'];
    return `${(100 * numerator) / denominator} %`;
  }
  if (kind === 'span') {
    const [from, to] = value as Constant<'span'>['value'];
    return `${from} s to ${to} s`;
  }
  const n = value as number;
  if (kind === 'size') return sizeOf(n);
  if (kind === 'rate') return `${n / 1e6} MB/s`;
  return kind === 'duration' ? `${n} ms` : String(n);
}

const sizes = ['B', 'KiB', 'MiB', 'GiB'];
function sizeOf(n: number): string {
  const power = sizes.findLastIndex((_, i) => n % 1024 ** i === 0 && n >= 1024 ** i);
  return n % 1_000_000 === 0 || power < 1
    ? `${n / 1e6 >= 1 ? `${n / 1e6} MB` : `${n} B`}`
    : `${n / 1024 ** power} ${sizes[power]}`;
}
