/** How much a fact wants to be noticed. */
export type Severity =
  /** Bookkeeping: expected, and of interest only to whoever asks. */
  | 'note'
  /** Something moved on as it should. */
  | 'step'
  /** Something that was waited for came out well. */
  | 'success'
  /** It goes on, and not as planned. */
  | 'warning'
  /** It did not work. */
  | 'failure';

/** One fact in words: what happened, and the particulars. `detail` may be empty. */
export interface FactText {
  readonly title: string;
  readonly detail: string;
  readonly severity: Severity;
}

/** Whose fact it is: what people decided, what machines copied, what became of a step, what the driver noted. */
export type FactGroup = 'decision' | 'replication' | 'step' | 'driver';
