import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { MigrationCommand } from '#core/migration/commands';
import type { WaveCommand } from '#core/wave/commands';
import type { CommandProblem, CommandTarget } from '#web/dashboard/client/api-client';
import { commandOf, grouped, type CommandButton, type FieldValues } from '#web/dashboard/view-models/commands';
import type { Session } from '#web/dashboard/view-models/session';
import './command-dialog.ts';
import type { CommandDialog } from './command-dialog.ts';
import { sheet } from './sheet.ts';
import { icons, severitySign } from './signs.ts';

/** Whom the commands of a panel are for. */
export type Commanded = { readonly type: 'migration' | 'wave'; readonly id: string };

/** What came of the last command. */
type Answer =
  | { readonly type: 'sending'; readonly label: string }
  | { readonly type: 'done'; readonly label: string }
  | { readonly type: 'failed'; readonly label: string; readonly problem: CommandProblem; readonly again: () => void };

/**
 * Every command as a button. One that is not possible stays where it is and says why: on the line below when it is pointed
 * at, and to whoever reaches it by keyboard.
 */
class CommandPanel extends LitElement {
  static override properties = {
    session: { attribute: false },
    target: { attribute: false },
    buttons: { attribute: false },
    pointed: { state: true },
    answer: { state: true },
  };
  static override styles = [
    sheet,
    css`
      .groups {
        display: grid;
        gap: var(--gap-1);
        padding: 0 var(--gap-4) var(--gap-1);
      }
      .group {
        display: grid;
        grid-template-columns: 5.25rem minmax(0, 1fr);
        align-items: baseline;
      }
      .button {
        min-height: 1.625rem;
        padding: 0.1rem 0.5rem;
      }
      h3 {
        font-size: var(--size-small);
        font-weight: 500;
        color: var(--ink-faint);
      }
      .group > div {
        display: flex;
        flex-wrap: wrap;
        gap: var(--gap-1);
      }
      .why {
        min-height: 3.4em;
        padding: var(--gap-1) var(--gap-4) var(--gap-2);
        color: var(--ink-soft);
        font-size: var(--size-small);
      }
      .gate {
        display: block;
        padding: var(--gap-2) var(--gap-4);
        margin-bottom: var(--gap-3);
        background: var(--panel-sunken);
        border-block: 1px solid var(--line);
      }
      .answer {
        display: flex;
        gap: var(--gap-2);
        align-items: flex-start;
        padding: var(--gap-2) var(--gap-4);
        border-top: 1px solid var(--line);
      }
      .answer.failed {
        background: var(--failed-wash);
      }
      .answer > :last-child {
        margin-inline-start: auto;
      }
    `,
  ];
  declare session: Session;
  declare target: Commanded;
  declare buttons: readonly CommandButton[];
  declare pointed: string | null;
  declare answer: Answer | null;

  constructor() {
    super();
    this.buttons = [];
    this.pointed = null;
    this.answer = null;
  }

  override render(): unknown {
    const gate = this.session.gate();
    const pointed = this.buttons.find(({ type }) => type === this.pointed);
    return html`
      <section class="panel" aria-label="Commands">
        <header><h2>Commands</h2></header>
        ${gate === null ? nothing : html`<p class="gate small" data-gate>${icons.wait} ${gate}</p>`}
        <div class="groups">
          ${grouped(this.buttons).map(
            ([name, buttons]) =>
              html`<div class="group" role="group" aria-labelledby="group-${name}">
                <h3 id="group-${name}">${name}</h3>
                <div>${buttons.map((button) => this.#button(button))}</div>
              </div>`,
          )}
        </div>
        <p class="why" id="why">
          ${pointed ? (pointed.possible ? (pointed.spec.confirm ?? 'It is possible now.') : pointed.why) : nothing}
        </p>
        <div aria-live="polite">${this.#answer()}</div>
      </section>
      <sealift-command-dialog></sealift-command-dialog>
    `;
  }

  #button(button: CommandButton): TemplateResult {
    const { type, spec, possible, why } = button;
    const point = (to: string | null) => () => (this.pointed = to);
    return html`<button
      class="button ${spec.grave ? 'grave' : ''}"
      aria-disabled=${possible ? 'false' : 'true'}
      aria-describedby=${this.pointed === type ? 'why' : nothing}
      title=${why}
      data-command=${type}
      @pointerenter=${point(type)}
      @focus=${point(type)}
      @blur=${point(null)}
      @click=${() => void this.#chosen(button)}
    >
      ${spec.label}
    </button>`;
  }

  #answer(): TemplateResult | typeof nothing {
    const { answer } = this;
    if (!answer) return nothing;
    if (answer.type === 'sending') return html`<p class="answer soft">${icons.wait} ${answer.label} is being sent.</p>`;
    const close = html`<button class="button quiet" @click=${() => (this.answer = null)}>Dismiss</button>`;
    if (answer.type === 'done')
      return html`<div class="answer">${severitySign('success')}<span>${answer.label}: done.</span>${close}</div>`;
    const { title, detail } = answer.problem;
    return html`<div class="answer failed" role="alert">
      ${severitySign('failure')}<span><b>${answer.label}: ${title}.</b> ${detail}</span>
      <span><button class="button" @click=${answer.again}>Send again</button>${close}</span>
    </div>`;
  }

  async #chosen({ type, spec, possible }: CommandButton): Promise<void> {
    this.pointed = type;
    if (!possible) return;
    if (spec.fields.length === 0 && spec.confirm === undefined) return this.#send(type, spec.label, { type, data: {} });
    const dialog = this.renderRoot.querySelector<CommandDialog>('sealift-command-dialog');
    const values = await dialog?.ask(spec, this.target.id, this.session.operator);
    if (!values) return;
    const name = values['by'];
    if (typeof name === 'string' && name.trim() !== '') this.session.operator = name.trim();
    return this.#send(type, spec.label, commandOf(type, spec, values as FieldValues));
  }

  async #send(type: string, label: string, command: { type: string; data: object }): Promise<void> {
    const target = { ...this.target, command: command as MigrationCommand | WaveCommand } as CommandTarget;
    // One name for all tries of this command: a lost answer does no harm.
    const key = this.session.newKey();
    const attempt = async (): Promise<void> => {
      this.answer = { type: 'sending', label };
      const sent = await this.session.send(target, key);
      this.answer = sent.ok
        ? { type: 'done', label }
        : { type: 'failed', label, problem: sent.error, again: () => void attempt() };
      this.dispatchEvent(new CustomEvent('answered', { detail: { type, ok: sent.ok } }));
    };
    return attempt();
  }
}
customElements.define('sealift-command-panel', CommandPanel);
