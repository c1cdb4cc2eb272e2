/**
 * A few things by key, in the order in which they came. A driver has one or two pieces of work at a time, and has them for
 * every fact there is: looking through a list of two is quicker than a `Map`, whose table is made anew every few changes.
 */
export class Few<V> {
  readonly #keys: string[] = [];
  readonly #values: V[] = [];

  get size(): number {
    return this.#keys.length;
  }

  has(key: string): boolean {
    return this.#keys.includes(key);
  }

  get(key: string): V | undefined {
    const at = this.#keys.indexOf(key);
    return at < 0 ? undefined : this.#values[at];
  }

  set(key: string, value: V): void {
    const at = this.#keys.indexOf(key);
    if (at >= 0) this.#values[at] = value;
    else {
      this.#keys.push(key);
      this.#values.push(value);
    }
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    const at = this.#keys.indexOf(key);
    if (at < 0) return false;
    // Mostly it is the only one, or the last.
    if (at === this.#keys.length - 1) {
      this.#keys.pop();
      this.#values.pop();
    } else {
      this.#keys.splice(at, 1);
      this.#values.splice(at, 1);
    }
    return true;
  }

  clear(): void {
    this.#keys.length = 0;
    this.#values.length = 0;
  }

  /** The keys as they are now: what is added or deleted meanwhile does not matter to whoever goes through them. */
  keys(): readonly string[] {
    return [...this.#keys];
  }

  /** The values as they are now. */
  values(): readonly V[] {
    return [...this.#values];
  }
}
