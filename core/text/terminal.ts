import { formatBytes, formatEta, formatPercent, formatRate } from './format.ts';

/** Where a command speaks to whoever ran it. */
export interface Terminal {
  /** Whether a person watches: a live line may be redrawn. Without one, everything is whole lines. */
  readonly isInteractive: boolean;
  /** Columns. */
  readonly width: number;
  /** What was asked for: goes to standard output. */
  print(line: string): void;
  /** What happens meanwhile, and errors: goes to standard error, so that output can be piped. */
  note(line: string): void;
  /** Redraws the live line, or takes it away. Does nothing without a person watching. */
  live(line: string | null): void;
}

/** How far something is, with what is known of its rate. `etaMs` is null while nothing can be said. */
export interface ProgressText {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number | null;
  readonly etaMs: number | null;
}

/** One line about progress that fits `width`: what matters least is left out first. */
export function progressLine(progress: ProgressText, width: number): string {
  const { label, done, total, bytesPerSecond, etaMs } = progress;
  const fraction = total === 0 ? 1 : done / total;
  const parts = [
    `${label} ${formatPercent(fraction)}`,
    `${formatBytes(done)} of ${formatBytes(total)}`,
    bytesPerSecond === null ? '' : formatRate(bytesPerSecond),
    formatEta(etaMs),
  ].filter((part) => part !== '');
  const bar = drawBar(fraction, 20);
  for (let count = parts.length; count > 0; count -= 1) {
    const text = parts.slice(0, count).join('  ');
    if (bar.length + 1 + text.length <= width) return `${bar} ${text}`;
    if (text.length <= width) return text;
  }
  return formatPercent(fraction).slice(0, Math.max(0, width));
}

function drawBar(fraction: number, cells: number): string {
  // A bar that is full says it is over: it fills only when everything is done.
  const filled = fraction >= 1 ? cells : Math.min(cells - 1, Math.floor(fraction * cells));
  return `[${'#'.repeat(filled)}${'.'.repeat(cells - filled)}]`;
}

/** Tells how far one thing is: as a live line for a person, as a line for every tenth without one. */
export interface ProgressTeller {
  tell(progress: ProgressText): void;
  end(): void;
}

/** Makes a teller. Each label starts anew. */
export function progressTeller(terminal: Terminal): ProgressTeller {
  let label = '';
  let tenth = -1;
  return {
    tell: (progress) => {
      if (terminal.isInteractive) {
        terminal.live(progressLine(progress, terminal.width));
        return;
      }
      const now = progress.total === 0 ? 10 : Math.floor((10 * progress.done) / progress.total);
      if (progress.label === label && now <= tenth) return;
      ({ label } = progress);
      tenth = now;
      terminal.note(progressLine(progress, terminal.width));
    },
    end: () => terminal.live(null),
  };
}
