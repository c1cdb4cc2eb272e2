/** One server-sent event. */
export interface ServerEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/**
 * Reads server-sent events from text that comes in pieces, cut anywhere. `EventSource` is not used because it hides why a
 * connection failed and gives up for good on some answers.
 */
export class SseParser {
  #rest = '';
  #event = '';
  #id: string | null = null;
  #data: string[] = [];

  /** Takes the next piece; gives the events that it completed. */
  push(text: string): readonly ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment: something to keep the connection open.
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const [event, data] = [this.#event, this.#data];
    this.#event = '';
    this.#data = [];
    return data.length === 0
      ? undefined
      : { event: event === '' ? 'message' : event, id: this.#id, data: data.join('\n') };
  }
}
