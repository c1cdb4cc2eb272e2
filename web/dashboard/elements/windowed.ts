import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** Which rows of a long list are worth drawing, and how much room the others take. */
export interface WindowRange {
  readonly first: number;
  readonly end: number;
  readonly above: number;
  readonly below: number;
}

// Lists that short are drawn whole: the browser's own search finds every row then.
const wholeMax = 80;
// Rows drawn beyond the edge, so that scrolling does not outrun drawing.
const margin = 12;

const within = (count: number, n: number): number => Math.max(0, Math.min(count, n));

/** Draws of a list of equally high rows only those in sight. Ten thousand rows then cost as much as fifty. */
export class Windowed implements ReactiveController {
  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #list: () => HTMLElement | null;
  #frame = 0;

  /** `list`: the element that holds the rows, once there is one. */
  constructor(host: ReactiveControllerHost & HTMLElement, list: () => HTMLElement | null) {
    this.#host = host;
    this.#list = list;
    host.addController(this);
  }

  hostConnected(): void {
    // Scrolling does not bubble: it is caught on its way down, whichever element scrolls.
    window.addEventListener('scroll', this.#onMove, { capture: true, passive: true });
    window.addEventListener('resize', this.#onMove);
  }

  hostDisconnected(): void {
    window.removeEventListener('scroll', this.#onMove, { capture: true });
    window.removeEventListener('resize', this.#onMove);
    cancelAnimationFrame(this.#frame);
  }

  /**
   * The range for `count` rows of `rowHeight` pixels, by where the list is on the screen now. Short lists are given whole;
   * `isOneOfMany` says that there are many such lists, and that each is worth cutting.
   */
  range(count: number, rowHeight: number, isOneOfMany = false): WindowRange {
    if (count <= wholeMax && !isOneOfMany) return { first: 0, end: count, above: 0, below: 0 };
    const list = this.#list();
    // Not there yet: where it will stand is known after it has been drawn once.
    if (!list) {
      this.#onMove();
      return { first: 0, end: 0, above: 0, below: count * rowHeight };
    }
    const { top } = list.getBoundingClientRect();
    const first = within(count, Math.floor(-top / rowHeight) - margin);
    const end = Math.max(first, within(count, Math.ceil((window.innerHeight - top) / rowHeight) + margin));
    return { first, end, above: first * rowHeight, below: (count - end) * rowHeight };
  }

  readonly #onMove = (): void => {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#host.requestUpdate();
    });
  };
}
