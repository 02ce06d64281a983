/**
 * Changes to maps and objects that can be taken back. What was changed through it since the last
 * `clear` is undone by `back`, the newest change first.
 */
export class Undo {
  #steps: (() => void)[] = [];

  /** Sets an entry of a map. */
  set<K, V>(map: Map<K, V>, key: K, value: V): void {
    this.#remember(map, key);
    map.set(key, value);
  }

  /** Deletes an entry of a map; false when there was none. */
  delete<K, V>(map: Map<K, V>, key: K): boolean {
    if (!map.has(key)) return false;
    this.#remember(map, key);
    return map.delete(key);
  }

  /** Sets a member of an object. */
  assign<T extends object, K extends keyof T>(target: T, key: K, value: T[K]): void {
    const before = target[key];
    this.#steps.push(() => {
      target[key] = before;
    });
    target[key] = value;
  }

  clear(): void {
    this.#steps = [];
  }

  back(): void {
    for (const step of this.#steps.toReversed()) step();
    this.#steps = [];
  }

  #remember<K, V>(map: Map<K, V>, key: K): void {
    const before = map.get(key);
    this.#steps.push(before === undefined ? () => map.delete(key) : () => map.set(key, before));
  }
}
