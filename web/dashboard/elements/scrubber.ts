import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit';
import { formatCount, formatOffset, formatTime } from '#core/text/format';
import type { Moment } from '#web/dashboard/view-models/moment';
import { playSpeeds } from '#web/dashboard/view-models/moment';
import { placeIn, scrubberOf, type ScrubberView } from '#web/dashboard/view-models/scrubber';
import { scrubberSheet } from './scrubber-sheet.ts';
import { SessionElement } from './session-element.ts';
import { sheet } from './sheet.ts';
import { icons } from './signs.ts';

/** The whole run along its time, and where the page stands in it. The same for a live run and for a recording. */
class Scrubber extends SessionElement {
  static override properties = { ...SessionElement.properties, speed: { state: true } };
  static override styles = [sheet, scrubberSheet];
  declare speed: number;
  #drawn: { readonly key: string; readonly view: ScrubberView | null } = { key: '', view: null };

  constructor() {
    super();
    this.speed = 60;
  }

  override render(): unknown {
    const moment = this.session.moment();
    const view = this.#view();
    if (!moment || !view) return html`<p class="bar empty">There is no moment to stand at yet.</p>`;
    return html`<div class="bar">${this.#controls(moment)} ${this.#track(moment, view)} ${this.#present(moment)}</div>`;
  }

  #controls(moment: Moment): TemplateResult {
    const { session } = this;
    const plays = session.motion.type === 'playing';
    return html`<div class="controls" role="group" aria-label="Move through the run">
      <button class="button" aria-label="One fact back" title="One fact back (Left)" @click=${() => session.step(-1)}>
        ${icons.back}
      </button>
      <button
        class="button primary"
        aria-label=${plays ? 'Pause' : 'Play'}
        title="${plays ? 'Pause' : 'Play'} (Space)"
        @click=${() => this.toggle()}
      >
        ${plays ? icons.pause : icons.play}
      </button>
      <button
        class="button"
        aria-label="One fact forward"
        title="One fact forward (Right)"
        aria-disabled=${moment.follows ? 'true' : 'false'}
        @click=${() => session.step(1)}
      >
        ${icons.forward}
      </button>
      <label
        ><span class="unseen">Speed</span>
        <select
          class="field"
          title="How fast it plays"
          @change=${(event: Event) => this.#setSpeed(Number((event.target as HTMLSelectElement).value))}
        >
          ${playSpeeds.map(
            (speed) => html`<option value=${speed} ?selected=${speed === this.speed}>${speed} ×</option>`,
          )}
        </select></label
      >
    </div>`;
  }

  #track(moment: Moment, view: ScrubberView): TemplateResult {
    const { from, to } = view.span;
    const at = (Math.min(moment.time, to) - from) / Math.max(1, to - from);
    const [place, count] = placeIn(this.session.scope(), moment.index, this.session.history.count);
    const offset = formatOffset(from, moment.time);
    return html`
      <div
        class="track"
        role="slider"
        tabindex="0"
        aria-label="Moment of the run"
        aria-valuemin="0"
        aria-valuemax=${Math.round((to - from) / 1000)}
        aria-valuenow=${Math.round((Math.min(moment.time, to) - from) / 1000)}
        aria-valuetext="${offset}, fact ${place} of ${count}"
        @pointerdown=${this.#grab}
        @pointermove=${this.#drag}
        @pointerup=${this.#release}
        @pointercancel=${this.#release}
        @keydown=${this.#key}
      >
        <svg viewBox="0 0 ${view.density.length} 100" preserveAspectRatio="none" aria-hidden="true">
          ${this.#density(view)}
        </svg>
        ${view.bands.map(
          ({ from: left, to: right, name }) =>
            html`<span class="band" style="left:${left * 100}%;width:${(right - left) * 100}%" title=${name}></span>`,
        )}
        ${view.marks.map(
          ({ at: left, severity }) => html`<span class="mark ${severity}" style="left:${left * 100}%"></span>`,
        )}
        <span class="gone" style="width:${at * 100}%"></span>
        <span class="thumb" style="left:${at * 100}%"></span>
      </div>
      <div class="reading">
        <b class="mono">${offset}</b>
        <span class="faint small clip">${formatTime(moment.time)}</span>
        <span class="faint small clip">fact ${formatCount(place)} of ${formatCount(count)}</span>
      </div>
    `;
  }

  #density({ density }: ScrubberView): SVGTemplateResult {
    const tops = density.map((height, x) => `${x},${100 - height * 100} ${x + 1},${100 - height * 100}`);
    return svg`<polygon points="0,100 ${tops.join(' ')} ${density.length},100" />`;
  }

  #present(moment: Moment): TemplateResult {
    const isReplay = this.session.run?.mode === 'replay';
    return html`<button
      class="button present ${moment.follows ? 'on' : ''}"
      aria-pressed=${moment.follows}
      title=${isReplay ? 'Go to the end of the recording (L)' : 'Follow the run as it goes on (L)'}
      @click=${() => this.session.follow()}
    >
      <span class="lamp" aria-hidden="true"></span>${isReplay ? 'End' : 'Live'}
    </button>`;
  }

  /** Plays, or stops playing. */
  toggle(): void {
    if (this.session.motion.type === 'playing') this.session.pause();
    else this.session.play(this.speed);
  }

  #setSpeed(speed: number): void {
    this.speed = speed;
    if (this.session.motion.type === 'playing') this.session.play(speed);
  }

  // Drawing the run anew is worth it when facts were added, not when the moment moved.
  #view(): ScrubberView | null {
    const { history, route } = this.session;
    const key = `${history.count} ${history.span?.to ?? 0} ${JSON.stringify(route.page)}`;
    if (this.#drawn.key !== key) {
      const streams = this.session.scopeStreams();
      this.#drawn = { key, view: scrubberOf(history, streams) };
    }
    return this.#drawn.view;
  }

  readonly #grab = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    this.#moveTo(event);
  };

  readonly #drag = (event: PointerEvent): void => {
    if ((event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) this.#moveTo(event);
  };

  readonly #release = (event: PointerEvent): void => {
    (event.currentTarget as HTMLElement).releasePointerCapture(event.pointerId);
  };

  #moveTo(event: PointerEvent): void {
    const span = this.session.history.span;
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    if (!span || width === 0) return;
    const at = (event.clientX - left) / width;
    // Dragged to its very end it follows: nobody hits the last fact by the pixel.
    if (at >= 0.998) this.session.follow();
    else this.session.jumpToTime(span.from + at * (span.to - span.from));
  }

  readonly #key = (event: KeyboardEvent): void => {
    const span = this.session.history.span;
    const moment = this.session.moment();
    if (!span || !moment) return;
    const page = Math.round((span.to - span.from) / 20);
    if (event.key === 'PageUp') this.session.jumpToTime(moment.time + page);
    else if (event.key === 'PageDown') this.session.jumpToTime(moment.time - page);
    else return;
    event.preventDefault();
  };
}
customElements.define('sealift-scrubber', Scrubber);
