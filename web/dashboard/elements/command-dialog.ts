import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { missingFields, type CommandSpec, type Field, type FieldValues } from '#web/dashboard/view-models/commands';
import { sheet } from './sheet.ts';

/** Asks for what a command needs, and once more before a grave one. */
export class CommandDialog extends LitElement {
  static override properties = {
    spec: { state: true },
    subject: { state: true },
    values: { state: true },
    missing: { state: true },
  };
  static override styles = [
    sheet,
    css`
      dialog {
        width: min(30rem, calc(100vw - 2rem));
        padding: 0;
        border: 1px solid var(--line-strong);
        border-radius: 10px;
        background: var(--panel-raised);
        color: var(--ink);
        box-shadow: var(--shadow-high);
      }
      dialog::backdrop {
        background: #0b1216a6;
      }
      form {
        display: grid;
        gap: var(--gap-4);
        padding: var(--gap-6);
      }
      h2 {
        font-size: var(--size-title);
      }
      label,
      fieldset {
        display: grid;
        gap: var(--gap-1);
        margin: 0;
        padding: 0;
        border: 0;
        font-weight: 500;
      }
      legend {
        padding: 0 0 var(--gap-1);
      }
      .choice,
      .consent {
        display: flex;
        align-items: flex-start;
        gap: var(--gap-2);
        font-weight: 400;
      }
      .consent {
        padding: var(--gap-3);
        border-radius: var(--radius-small);
        background: var(--failed-wash);
      }
      input[type='checkbox'],
      input[type='radio'] {
        margin: 0.2em 0 0;
        accent-color: var(--accent);
      }
      .error {
        color: var(--failed);
        font-size: var(--size-small);
        font-weight: 400;
      }
      footer {
        display: flex;
        justify-content: flex-end;
        gap: var(--gap-2);
      }
    `,
  ];
  declare spec: CommandSpec | null;
  declare subject: string;
  declare values: FieldValues;
  declare missing: Readonly<Record<string, string>>;
  #answer: (values: FieldValues | null) => void = () => undefined;

  constructor() {
    super();
    this.spec = null;
    this.subject = '';
    this.values = {};
    this.missing = {};
  }

  /** Opens, and resolves with what was filled in; with null when it was given up. */
  async ask(spec: CommandSpec, subject: string, operator: string): Promise<FieldValues | null> {
    this.#answer(null);
    this.spec = spec;
    this.subject = subject;
    this.missing = {};
    this.values = spec.fields.some(({ name }) => name === 'by') && operator !== 'local' ? { by: operator } : {};
    await this.updateComplete;
    const answer = new Promise<FieldValues | null>((resolve) => (this.#answer = resolve));
    this.#dialog()?.showModal();
    return answer;
  }

  override render(): unknown {
    const { spec } = this;
    return html`<dialog aria-labelledby="title" @close=${() => this.#settle(null)}>
      ${
        spec
          ? html`<form method="dialog" novalidate @submit=${this.#submit}>
              <h2 id="title">${spec.label}: ${this.subject}</h2>
              ${spec.confirm ? html`<p>${spec.confirm}</p>` : nothing} ${spec.fields.map((field) => this.#field(field))}
              <footer>
                <button class="button" type="button" @click=${() => this.#dialog()?.close()}>Keep as it is</button>
                <button class="button primary ${spec.grave ? 'grave' : ''}" type="submit">${spec.label}</button>
              </footer>
            </form>`
          : nothing
      }
    </dialog>`;
  }

  #field(field: Field): TemplateResult {
    const error = this.missing[field.name];
    const note = error ? html`<span class="error" id="error-${field.name}">${error}</span>` : nothing;
    const described = error ? `error-${field.name}` : nothing;
    const set = (value: string | boolean): void => void (this.values = { ...this.values, [field.name]: value });
    switch (field.type) {
      case 'text':
        return html`<label
          ><span>${field.label}${field.optional ? html` <span class="faint">(optional)</span>` : nothing}</span>
          <input
            class="field"
            name=${field.name}
            autocomplete="off"
            aria-invalid=${error ? 'true' : 'false'}
            aria-describedby=${described}
            .value=${String(this.values[field.name] ?? '')}
            @input=${(event: InputEvent) => set((event.target as HTMLInputElement).value)}
          />${note}</label
        >`;
      case 'consent':
        return html`<div>
          <label class="consent"
            ><input
              type="checkbox"
              name=${field.name}
              aria-describedby=${described}
              .checked=${this.values[field.name] === true}
              @change=${(event: Event) => set((event.target as HTMLInputElement).checked)}
            /><span>${field.label}</span></label
          >${note}
        </div>`;
      case 'choice':
        return html`<fieldset aria-describedby=${described}>
          <legend>${field.label}</legend>
          ${field.choices?.map(
            ({ value, label }) =>
              html`<label class="choice"
                ><input
                  type="radio"
                  name=${field.name}
                  value=${value}
                  .checked=${this.values[field.name] === value}
                  @change=${() => set(value)}
                />${label}</label
              >`,
          )}${note}
        </fieldset>`;
    }
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!this.spec) return;
    this.missing = missingFields(this.spec, this.values);
    const [first] = Object.keys(this.missing);
    if (first === undefined) this.#settle(this.values);
    else this.renderRoot.querySelector<HTMLInputElement>(`[name="${first}"]`)?.focus();
  };

  #settle(values: FieldValues | null): void {
    const answer = this.#answer;
    this.#answer = () => undefined;
    answer(values);
    if (this.#dialog()?.open) this.#dialog()?.close();
  }

  #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector('dialog');
  }
}
customElements.define('sealift-command-dialog', CommandDialog);
