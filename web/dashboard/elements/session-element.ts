import { LitElement, type CSSResultGroup, type PropertyDeclarations } from 'lit';
import type { Session } from '#web/dashboard/view-models/session';
import { sheet } from './sheet.ts';

/** An element that shows something of the session and is drawn anew when that changes, at most once per frame. */
export class SessionElement extends LitElement {
  static override properties: PropertyDeclarations = { session: { attribute: false } };
  static override styles: CSSResultGroup = sheet;
  declare session: Session;
  #unsubscribe: (() => void) | undefined;
  #frame = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  // The frame stands in the page before the program gives it its session.
  protected override shouldUpdate(): boolean {
    return this.session !== undefined;
  }

  protected override willUpdate(): void {
    this.#listen();
  }

  #listen(): void {
    if (this.#unsubscribe || !this.session || !this.isConnected) return;
    this.#unsubscribe = this.session.subscribe(() => {
      this.#frame ||= requestAnimationFrame(() => {
        this.#frame = 0;
        this.requestUpdate();
      });
    });
  }
}
