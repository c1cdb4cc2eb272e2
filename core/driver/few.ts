/**
 * A few things by key, in the order in which they came. A driver has one or two pieces of work at a time, and has them for
 * every fact there is: looking through a list of two is quicker than a `Map`, whose table is made anew every few changes.
 *
 * The first is kept in the object itself. Mostly there is no other, and a fleet of thousands has several of these for each
 * machine: lists of their own for one thing each would be a tenth of all that a rehearsal keeps in memory.
 */
export class Few<V> {
  #size = 0;
  #firstKey = '';
  #first: V | undefined;
  #keys: string[] | undefined;
  #values: V[] | undefined;

  get size(): number {
    return this.#size;
  }

  has(key: string): boolean {
    return this.#isFirst(key) || this.#placeOf(key) >= 0;
  }

  get(key: string): V | undefined {
    if (this.#isFirst(key)) return this.#first;
    const at = this.#placeOf(key);
    return at < 0 ? undefined : this.#values?.[at];
  }

  set(key: string, value: V): void {
    if (this.#size === 0) {
      this.#firstKey = key;
      this.#first = value;
      this.#size = 1;
      return;
    }
    if (this.#firstKey === key) {
      this.#first = value;
      return;
    }
    const at = this.#placeOf(key);
    const values = (this.#values ??= []);
    if (at >= 0) {
      values[at] = value;
      return;
    }
    (this.#keys ??= []).push(key);
    values.push(value);
    this.#size += 1;
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    if (this.#isFirst(key)) {
      // What came next is the first from now on.
      this.#firstKey = this.#keys?.shift() ?? '';
      this.#first = this.#values?.shift();
    } else {
      const at = this.#placeOf(key);
      if (at < 0) return false;
      this.#keys?.splice(at, 1);
      this.#values?.splice(at, 1);
    }
    this.#size -= 1;
    if (this.#size === 1) this.#forgetLists();
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.#firstKey = '';
    this.#first = undefined;
    this.#forgetLists();
  }

  /** The keys as they are now: what is added or deleted meanwhile does not matter to whoever goes through them. */
  keys(): readonly string[] {
    if (this.#size === 0) return [];
    return this.#keys ? [this.#firstKey, ...this.#keys] : [this.#firstKey];
  }

  /** The values as they are now. */
  values(): readonly V[] {
    if (this.#size === 0) return [];
    const first = this.#first as V;
    return this.#values ? [first, ...this.#values] : [first];
  }

  #isFirst(key: string): boolean {
    return this.#size > 0 && this.#firstKey === key;
  }

  /** Its place among those after the first; -1 if it is none of them. */
  #placeOf(key: string): number {
    return this.#size > 1 ? (this.#keys?.indexOf(key) ?? -1) : -1;
  }

  #forgetLists(): void {
    this.#keys = undefined;
    this.#values = undefined;
  }
}
