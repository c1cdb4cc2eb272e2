import { css, html, nothing, type TemplateResult } from 'lit';
import type { WaveView } from '#core/fleet/fleet-view';
import { formatOffset, formatPlural, formatTime } from '#core/text/format';
import type { Instant } from '#core/units';
import { waveButtons } from '#web/dashboard/view-models/commands';
import { countHealth, membersOf, waveCells } from '#web/dashboard/view-models/fleet';
import type { Moment } from '#web/dashboard/view-models/moment';
import { formatRoute } from '#web/dashboard/view-models/route';
import { waveRow, type MigrationRow, type WaveRow } from '#web/dashboard/view-models/row';
import './command-panel.ts';
import './fact-list.ts';
import './health-bar.ts';
import './member-list.ts';
import { migrationPageSheet } from './migration-page-sheet.ts';
import { SessionElement } from './session-element.ts';
import { sheet } from './sheet.ts';
import { planRows } from './plan-rows.ts';

/** One wave at the moment that is shown: its window, its limits, its members. */
class WavePage extends SessionElement {
  static override properties = { ...SessionElement.properties, wave: {} };
  static override styles = [
    sheet,
    migrationPageSheet,
    css`
      .window {
        position: relative;
        height: 3.5rem;
        margin: 0 var(--gap-4) var(--gap-2);
      }
      .line {
        position: absolute;
        inset: 1.5rem 0 auto;
        height: 10px;
        border-radius: 3px;
        background: var(--line);
      }
      .open {
        position: absolute;
        top: 1.5rem;
        height: 10px;
        background: var(--accent);
        border-radius: 3px;
      }
      .open.ahead {
        background: repeating-linear-gradient(-45deg, var(--accent) 0 5px, var(--accent-wash) 5px 10px);
      }
      .tick {
        position: absolute;
        top: 0;
        font-size: var(--size-small);
        color: var(--ink-soft);
        white-space: nowrap;
      }
      .tick.low {
        top: 2.3rem;
      }
      .tick.end {
        translate: -100% 0;
      }
      .now {
        position: absolute;
        top: 1.1rem;
        width: 2px;
        height: 1.25rem;
        background: var(--ink);
      }
      .top sealift-health-bar {
        width: min(30rem, 100%);
      }
    `,
  ];
  declare wave: string;

  override render(): unknown {
    const { history } = this.session;
    const moment = this.session.moment();
    const stream = history.waves.get(this.wave);
    const view = moment && history.waveAt(this.wave, moment.index);
    if (!moment || !stream || !view) return this.#missing();
    const row = waveRow(view);
    const byId = new Map<string, MigrationRow>(history.rowsAt(moment.index).map((member) => [member.id, member]));
    const members = membersOf(row, byId);
    const cells = waveCells(row, moment.time);
    const facts = this.session.waveFacts(this.wave);
    return html`
      <div class="columns">
        <div class="main">
          <header class="top">
            <div class="title">
              <h1>${row.name}</h1>
              <span class="badge">${cells.state}</span>
              <p class="soft">${cells.window}${row.approvedBy === null ? '' : `, approved by ${row.approvedBy}`}</p>
            </div>
            <sealift-health-bar .counts=${countHealth(members)}></sealift-health-bar>
          </header>
          ${this.#window(row, moment)}
          <section class="panel" aria-label="Members">
            <header>
              <h2>Members</h2>
              <span class="small soft"
                >${formatPlural(members.length, 'VM')}, in the order in which they are served</span
              >
            </header>
            <sealift-member-list
              .rows=${members}
              .now=${moment.time}
              .link=${(id: string) => formatRoute({ ...this.session.route, page: { type: 'migration', id } })}
              label="Members of ${row.name}"
            ></sealift-member-list>
          </section>
          ${planPanel(view)}
        </div>
        <div class="side">
          <sealift-command-panel
            .session=${this.session}
            .target=${{ type: 'wave', id: this.wave }}
            .buttons=${waveButtons(view, this.session.gate())}
          ></sealift-command-panel>
          <sealift-fact-list
            class="panel"
            .history=${history}
            .indexes=${facts}
            .count=${facts.length}
            .showSubject=${true}
            .record=${this.session.recorded.bind(this.session)}
            .index=${moment.index}
            .follows=${moment.follows}
            @moment=${(event: CustomEvent<number>) => this.session.jumpTo(event.detail)}
          ></sealift-fact-list>
        </div>
      </div>
    `;
  }

  /** The window on a line from the first fact to whatever comes last: the window's end, or now. */
  #window({ plan }: WaveRow, moment: Moment): TemplateResult | typeof nothing {
    const span = this.session.history.span;
    if (!plan || !span) return nothing;
    const { opens, closes } = plan.window;
    const from = Math.min(span.from, opens);
    const to = Math.max(span.to, closes, moment.time);
    const at = (time: number): number => ((time - from) / Math.max(1, to - from)) * 100;
    const tick = (time: Instant, word: string, classes: string): TemplateResult =>
      html`<span class="tick ${classes} ${at(time) > 70 ? 'end' : ''}" style="left:${at(time)}%"
        >${word} <span class="mono" title=${formatTime(time)}>${formatOffset(span.from, time)}</span></span
      >`;
    return html`<section class="panel" aria-label="Window">
      <header>
        <h2>Window</h2>
        <span class="small soft">${formatTime(opens)} to ${formatTime(closes)}</span>
      </header>
      <div class="window">
        <span class="line"></span>
        <span
          class="open ${moment.time < opens ? 'ahead' : ''}"
          style="left:${at(opens)}%;width:${at(closes) - at(opens)}%"
        ></span>
        <span class="now" style="left:${at(moment.time)}%" title="the moment that is shown"></span>
        ${tick(opens, 'opens', '')} ${tick(closes, 'closes', 'low')}
      </div>
    </section>`;
  }

  #missing(): TemplateResult {
    const isRead = this.session.connection.type === 'open';
    const first = this.session.history.waves.get(this.wave)?.indexes[0];
    return html`<div class="panel nothing" role="status">
      <h1>Wave ${this.wave}</h1>
      ${
        first !== undefined
          ? html`<p>At this moment it has not been drafted.</p>
              <p><button class="button" @click=${() => this.session.jumpTo(first)}>Go to where it is</button></p>`
          : isRead
            ? html`<p>There is no wave of this name in this run.</p>
                <p><a href=${formatRoute({ ...this.session.route, page: { type: 'fleet' } })}>To the fleet</a></p>`
            : html`<p>The run is being read.</p>`
      }
    </div>`;
  }
}
customElements.define('sealift-wave-page', WavePage);

function planPanel({ state }: WaveView): TemplateResult | typeof nothing {
  const { plan, approvedBy } = state.snapshot.context;
  if (!plan) return nothing;
  const ordered = plan.members.filter(({ after }) => after.length > 0);
  const rows: readonly (readonly [string, string])[] = [
    ['Requested by', plan.requester],
    ['Approved by', approvedBy ?? 'nobody yet'],
    ['Replicating at once', `at most ${plan.limits.replicating}`],
    ['Cutting over at once', `at most ${plan.limits.cuttingOver}`],
    [
      'When the window closes',
      plan.onWindowClose === 'rollBack' ? 'cutovers that run are rolled back' : 'cutovers that run are finished',
    ],
    ...ordered.map(({ migration, after }) => ['Order', `${migration} after ${after.join(', ')}`] as const),
  ];
  return planRows(rows);
}
