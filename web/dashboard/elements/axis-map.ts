import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { formatDuration, formatOffset } from '#core/text/format';
import { elapsed, instant, type Instant } from '#core/units';
import type { StopView } from '#web/dashboard/view-models/axes';
import { axisMapSheet } from './axis-map-sheet.ts';
import { sheet } from './sheet.ts';

// Being there means that something went wrong, or waits for a person.
const uneasy: ReadonlySet<string> = new Set([
  'blocked',
  'testing.running',
  'cuttingOver.undecided',
  'rollingBack',
  'rolledBack',
  'failed',
  'rescan',
  'paused',
  'stalled',
  'stalled.blocked',
  'stalled.retrying',
  'disconnected',
]);

/**
 * One axis of a migration as a map: the way it goes when all is well, what lies beside it, and where it stands at a moment.
 * Fires `visit` with the place in the history when a state that was visited is chosen.
 */
class AxisMap extends LitElement {
  static override properties = {
    label: {},
    stops: { attribute: false },
    now: { attribute: false },
    start: { attribute: false },
    looked: { state: true },
  };
  static override styles = [sheet, axisMapSheet];
  declare label: string;
  declare stops: readonly StopView[];
  declare now: Instant;
  declare start: Instant;
  /** The state whose description is asked for, by pointer or focus. */
  declare looked: string | null;

  constructor() {
    super();
    this.stops = [];
    this.label = '';
    this.now = instant(0);
    this.start = instant(0);
    this.looked = null;
  }

  override render(): unknown {
    const all = this.stops.flatMap(withInner);
    const current = all.findLast(({ standing }) => standing === 'current');
    const looked = all.find(({ stop }) => stop.state === this.looked) ?? current;
    const opened = this.stops
      .flatMap((stop) => [stop, ...stop.beside])
      .find(({ stop, steps }) => steps.length > 0 && within(looked?.stop.state ?? '', stop.state));
    return html`
      <h3 id="label">${this.label}</h3>
      <ol class="way" aria-labelledby="label">
        ${this.stops.map((stop) => this.#stop(stop, stop === opened))}
      </ol>
      ${
        opened
          ? html`<ol class="steps" aria-label="Steps of ${opened.stop.name}">
              ${opened.steps.map((step) => html`<li class=${classesOf(step)}>${this.#button(step)}</li>`)}
            </ol>`
          : nothing
      }
      ${looked ? html`<p class="description"><b>${looked.stop.name}.</b> ${looked.stop.description}</p>` : nothing}
    `;
  }

  #stop(view: StopView, isOpened: boolean): TemplateResult {
    return html`<li class="${classesOf(view)} ${isOpened ? 'opened' : ''}">
      ${this.#button(view)}
      ${
        view.beside.length === 0
          ? nothing
          : html`<ul>
              ${view.beside.map((other) => html`<li class="beside ${classesOf(other)}">${this.#button(other)}</li>`)}
            </ul>`
      }
    </li>`;
  }

  #button(view: StopView): TemplateResult {
    const { stop, standing, visit, count } = view;
    const since = visit && standing !== 'never' ? this.#when(view) : '';
    const stay = count > 1 ? `, ${count} times` : '';
    return html`<button
      type="button"
      title="${stop.description}${visit ? ' Choose it to go to when it was entered.' : ''}"
      aria-current=${standing === 'current' ? 'step' : nothing}
      aria-disabled=${visit ? nothing : 'true'}
      aria-label="${stop.name}: ${standing === 'never' ? 'not visited' : `${standingWords[standing]} ${since === '' ? 'a moment' : since}${stay}`}"
      data-state=${stop.state}
      @click=${() => visit && this.dispatchEvent(new CustomEvent('visit', { detail: visit.index }))}
      @pointerenter=${() => (this.looked = stop.state)}
      @pointerleave=${() => (this.looked = null)}
      @focus=${() => (this.looked = stop.state)}
      @blur=${() => (this.looked = null)}
    >
      <span class="knob" aria-hidden="true"></span>
      <span class="name">${stop.name}${count > 1 ? html`<sup>×${count}</sup>` : nothing}</span>
      <span class="when">${since}</span>
    </button>`;
  }

  #when({ visit, standing }: StopView): string {
    if (!visit) return '';
    if (standing === 'ahead') return formatOffset(this.start, visit.from);
    const to = visit.to === null || standing === 'current' ? this.now : visit.to;
    const stay = elapsed(visit.from, to);
    return stay === 0 ? '' : formatDuration(stay);
  }
}
customElements.define('sealift-axis-map', AxisMap);

const standingWords = { current: 'now, for', visited: 'visited, for', ahead: 'comes at' } as const;

const classesOf = ({ stop, standing }: StopView): string => `${standing}${uneasy.has(stop.state) ? ' uneasy' : ''}`;
const withInner = (view: StopView): readonly StopView[] => [
  view,
  ...view.steps.flatMap(withInner),
  ...view.beside.flatMap(withInner),
];
const within = (state: string, outer: string): boolean => state === outer || state.startsWith(`${outer}.`);
