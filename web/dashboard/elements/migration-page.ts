import { html, nothing, type TemplateResult } from 'lit';
import type { MigrationView } from '#core/fleet/fleet-view';
import { sourceIsDown } from '#core/migration/abilities';
import type { Notes } from '#core/migration/notes';
import { forecastOf, lagOf } from '#core/migration/progress';
import { formatBytes, formatDuration, formatOffset, formatPlural, formatTime } from '#core/text/format';
import { instant, type Instant } from '#core/units';
import { axisAt, visitsOf, type Axis, type StopView } from '#web/dashboard/view-models/axes';
import { chartRange, chartRanges, chartSeries, type ChartSeries } from '#web/dashboard/view-models/chart';
import { checklistView } from '#web/dashboard/view-models/checklist';
import { migrationButtons } from '#web/dashboard/view-models/commands';
import { diskTable } from '#web/dashboard/view-models/disks';
import { downtimeView } from '#web/dashboard/view-models/downtime';
import { cellsOf, healthWords } from '#web/dashboard/view-models/fleet';
import type { Moment } from '#web/dashboard/view-models/moment';
import { formatRoute } from '#web/dashboard/view-models/route';
import { migrationRow, type MigrationRow } from '#web/dashboard/view-models/row';
import { platformWords, wordsFor } from '#web/dashboard/view-models/words';
import './axis-map.ts';
import './command-panel.ts';
import './console-panel.ts';
import './disks-panel.ts';
import './downtime-panel.ts';
import './edit-plan.ts';
import './fact-list.ts';
import './readiness-panel.ts';
import './step-checklist.ts';
import './throughput-chart.ts';
import { checkGroupsSheet } from './check-groups.ts';
import { detailsSheet, planPanel, roundsPanel, workPanel } from './migration-details.ts';
import { migrationPageSheet } from './migration-page-sheet.ts';
import { SessionElement } from './session-element.ts';
import { sheet } from './sheet.ts';
import { healthSign } from './signs.ts';
import { validationPanel } from './validation-panel.ts';

/** One migration at the moment that is shown. */
class MigrationPage extends SessionElement {
  static override properties = { ...SessionElement.properties, migration: {}, range: { state: true } };
  static override styles = [sheet, migrationPageSheet, checkGroupsSheet, detailsSheet];
  declare migration: string;
  /** How much of the run the chart shows, in milliseconds; 0 for all of it. */
  declare range: number;
  #series: { readonly key: string; readonly series: ChartSeries } = { key: '', series: { seconds: [], rates: [] } };

  constructor() {
    super();
    this.range = 0;
  }

  override render(): unknown {
    const { history } = this.session;
    const moment = this.session.moment();
    const stream = history.migrations.get(this.migration);
    if (!moment || !stream) return this.#missing();
    const view = history.migrationAt(this.migration, moment.index);
    if (!view) return this.#notYet(stream.indexes[0] ?? 0);
    const row = migrationRow(view);
    const notes = history.notesAt(this.migration, moment.index);
    return html`
      <div class="columns">
        <div class="main">
          ${this.#header(view, row, moment.time)} ${this.#axes(moment)} ${workPanel(view)}
          <div class="pair">${this.#steps(view, notes, moment.time)} ${this.#readiness(notes)}</div>
          <div class="pair">${this.#chart(moment)} ${this.#downtime(view, moment.time)}</div>
          ${this.#disks(view, row, moment.time)} ${this.#fixUp(notes)}
          <div class="pair">${validationPanel(notes, this.#start())} ${planPanel(view)}</div>
          ${roundsPanel(view.progress, this.#start())} ${this.#consoles(notes)}
        </div>
        <div class="side">
          <sealift-command-panel
            .session=${this.session}
            .target=${{ type: 'migration', id: this.migration }}
            .buttons=${migrationButtons(view, this.session.gate())}
          ></sealift-command-panel>
          <sealift-fact-list
            class="panel"
            .history=${history}
            .indexes=${stream.indexes}
            .count=${stream.indexes.length}
            .record=${this.session.recorded.bind(this.session)}
            .index=${moment.index}
            .follows=${moment.follows}
            @moment=${(event: CustomEvent<number>) => this.session.jumpTo(event.detail)}
          ></sealift-fact-list>
        </div>
      </div>
    `;
  }

  #header(view: MigrationView, row: MigrationRow, now: Instant): TemplateResult {
    const { plan } = view.state.snapshot.context;
    const cells = cellsOf(row, now);
    const lag = lagOf(view.progress, now);
    return html`<header class="top">
      <div class="title">
        <h1>${healthSign(row.health, '')} ${row.name}</h1>
        <span class="badge ${row.health}">${healthWords[row.health]}</span>
        ${this.#waveLink()}
        <p class="soft clip">
          ${wordsFor(platformWords, row.platform)} ${row.guest}, ${formatPlural(plan?.disks.length ?? 0, 'disk')} of
          ${formatBytes(row.sizeBytes)}
          <span class="mono path">${plan?.source} → ${plan?.target}</span>
        </p>
      </div>
      <dl class="figures">
        ${figure('Lifecycle', cells.lifecycle)} ${figure('Replication', cells.replication, cells.progress)}
        ${figure('Behind source', cells.lag === '' || lag === null ? '—' : formatDuration(lag), cells.dirty === '' ? '' : `${cells.dirty} dirty`)}
        ${figure('Sent', formatBytes(view.progress.sent), `${formatPlural(view.progress.roundsDone, 'round')}`)}
      </dl>
      ${
        row.note === ''
          ? nothing
          : html`<p class="callout ${row.health}" role="note">
              ${healthSign(row.health === 'asks' ? 'asks' : 'troubled', '')}<span>${this.#note(row)}</span>
            </p>`
      }
      ${
        sourceIsDown(view.state)
          ? html`<p class="callout down" role="note">
              ${healthSign('down', '')}<span>Services at the source are stopped, or may be: downtime runs.</span>
            </p>`
          : nothing
      }
    </header>`;
  }

  #note({ note, notConverging }: MigrationRow): string {
    const sentence = note.charAt(0).toUpperCase() + note.slice(1);
    return notConverging && !note.includes('writes come in')
      ? `${sentence}. Writes come in faster than the rounds shrink.`
      : sentence;
  }

  #waveLink(): TemplateResult | typeof nothing {
    const wave = this.session.history
      .waveRowsAt(this.session.history.lastIndex)
      .find(({ plan }) => plan?.members.some(({ migration }) => migration === this.migration));
    if (!wave) return nothing;
    return html`<a href=${formatRoute({ ...this.session.route, page: { type: 'wave', id: wave.id } })}
      >${wave.name}</a
    >`;
  }

  #axes(moment: Moment): TemplateResult {
    return html`<section class="panel axes" aria-label="Where it stands">
      ${this.#axis('Lifecycle, moved by decisions', 'lifecycle', moment)}
      ${this.#axis('Replication, moved by machines', 'replication', moment)}
    </section>`;
  }

  #axis(label: string, axis: Axis, moment: Moment): TemplateResult {
    const { history } = this.session;
    const stream = history.migrations.get(this.migration);
    const timeAt = (index: number): Instant => history.timeAt(index) ?? instant(0);
    const stops: readonly StopView[] = stream ? axisAt(axis, visitsOf(stream, axis, timeAt), moment.index) : [];
    return html`<sealift-axis-map
      data-axis=${axis}
      .label=${label}
      .stops=${stops}
      .now=${moment.time}
      .start=${this.#start()}
      @visit=${(event: CustomEvent<number>) => this.session.jumpTo(event.detail)}
    ></sealift-axis-map>`;
  }

  #chart(moment: Moment): TemplateResult {
    const { history } = this.session;
    const latest = history.migrations.get(this.migration)?.latest;
    const key = `${this.migration} ${latest?.facts}`;
    // Drawn over all that is known; what lies after the moment is dimmed.
    if (latest && this.#series.key !== key) this.#series = { key, series: chartSeries(latest.progress.throughput) };
    const { start, end } = chartRange(this.range, moment.time, this.#start(), history.span?.to ?? moment.time);
    return html`<section class="panel chart" aria-label="Throughput">
      <header>
        <h2>Throughput</h2>
        <label
          ><span class="unseen">Time shown</span>
          <select
            class="field"
            @change=${(event: Event) => (this.range = Number((event.target as HTMLSelectElement).value))}
          >
            ${chartRanges.map(
              ([range, label]) => html`<option value=${range} ?selected=${range === this.range}>${label}</option>`,
            )}
          </select></label
        >
      </header>
      <sealift-throughput-chart
        .series=${this.#series.series}
        .moment=${moment.time / 1000}
        .zero=${this.#start() / 1000}
        .start=${start / 1000}
        .end=${end / 1000}
        @time=${(event: CustomEvent<number>) => this.session.jumpToTime(event.detail)}
      ></sealift-throughput-chart>
    </section>`;
  }

  #downtime({ progress }: MigrationView, now: Instant): TemplateResult {
    const view = downtimeView(progress.downtime, forecastOf(progress), progress.downtimeMax, now);
    return html`<sealift-downtime-panel .view=${view}></sealift-downtime-panel>`;
  }

  #steps({ state }: MigrationView, { checklist }: Notes, now: Instant): TemplateResult {
    const present = { work: state.work, attempts: state.snapshot.context.attempts };
    const view = checklistView(checklist, present, { start: this.#start(), now });
    return html`<sealift-step-checklist .view=${view}></sealift-step-checklist>`;
  }

  #readiness({ verification, guest }: Notes): TemplateResult {
    return html`<sealift-readiness-panel
      .verification=${verification}
      .guest=${guest}
      .start=${this.#start()}
    ></sealift-readiness-panel>`;
  }

  #disks({ progress }: MigrationView, row: MigrationRow, now: Instant): TemplateResult {
    const lagMs = cellsOf(row, now).lag === '' ? null : lagOf(progress, now);
    const view = diskTable(progress, { lagMs, forecastMs: forecastOf(progress) });
    return html`<sealift-disks-panel .view=${view}></sealift-disks-panel>`;
  }

  #fixUp({ fixUp }: Notes): TemplateResult | typeof nothing {
    return fixUp ? html`<sealift-edit-plan .note=${fixUp} .start=${this.#start()}></sealift-edit-plan>` : nothing;
  }

  #consoles({ consoles }: Notes): TemplateResult | typeof nothing {
    return consoles.length > 0
      ? html`<sealift-console-panel .consoles=${consoles} .start=${this.#start()}></sealift-console-panel>`
      : nothing;
  }

  #start(): Instant {
    return this.session.history.span?.from ?? instant(0);
  }

  #missing(): TemplateResult {
    const reads = this.session.connection.type === 'loading' || this.session.connection.type === 'connecting';
    return html`<div class="panel nothing" role="status">
      <h1>${this.migration}</h1>
      ${
        reads
          ? html`<p>The run is being read.</p>`
          : html`<p>There is no migration of this name in this run.</p>
              <p><a href=${formatRoute({ ...this.session.route, page: { type: 'fleet' } })}>To the fleet</a></p>`
      }
    </div>`;
  }

  #notYet(first: number): TemplateResult {
    const { history } = this.session;
    const time = history.timeAt(first) ?? this.#start();
    return html`<div class="panel nothing" role="status">
      <h1>${this.migration}</h1>
      <p>
        At this moment it has not been drafted. That happens at ${formatOffset(this.#start(), time)},
        ${formatTime(time)}.
      </p>
      <p><button class="button" @click=${() => this.session.jumpTo(first)}>Go there</button></p>
    </div>`;
  }
}
customElements.define('sealift-migration-page', MigrationPage);

const figure = (name: string, value: string, detail = ''): TemplateResult =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}${detail === '' ? nothing : html`<span class="small soft">${detail}</span>`}</dd>
  </div>`;
