import { bytesAbove } from "./byte-length.ts";
import { OpenAgentsError } from "./errors.ts";
import { toJson } from "./json.ts";

/** State by top-level key; each value must be JSON. */
export type State = Record<string, unknown>;

/** What a tick did to the state: JSON by key to write, and keys to remove. */
export interface StateChanges {
  readonly put: ReadonlyMap<string, string>;
  readonly removed: readonly string[];
}

/**
 * A tick's working copy of an agent's state. The stored state is kept as JSON text by top-level
 * key; a key is parsed when agent code first touches it, and only touched keys are compared and
 * written. Dropping the draft is the rollback.
 */
export class StateDraft {
  readonly #stored: ReadonlyMap<string, string>;
  /** Keys that were read or set; `undefined` stands for removed. */
  readonly #touched = new Map<string, unknown>();
  #closed = false;
  /** The state as agent code sees it. */
  readonly view: State;

  constructor(stored: ReadonlyMap<string, string>) {
    this.#stored = stored;
    this.view = new Proxy<State>({}, this.#handler());
  }

  /** From now on the view is read-only: a change would go nowhere. */
  close(): void {
    this.#closed = true;
  }

  /** Makes the state equal to `next`. */
  replace(next: State): void {
    if (next === this.view) return;
    for (const key of this.#keys())
      if (!Object.hasOwn(next, key)) this.#touched.set(key, undefined);
    for (const [key, value] of Object.entries(next)) this.#touched.set(key, value);
  }

  /** The state as a plain object. */
  plain(): State {
    return Object.fromEntries(this.#keys().map((key) => [key, this.#get(key)]));
  }

  /**
   * What differs from the stored state.
   * @throws STATE when a value is not JSON, LIMIT when one has more than `limit` bytes
   */
  changes(limit: number): StateChanges {
    const put = new Map<string, string>();
    const removed: string[] = [];
    for (const [key, value] of this.#touched) {
      if (value === undefined) {
        if (this.#stored.has(key)) removed.push(key);
        continue;
      }
      if (!key.isWellFormed()) {
        throw new OpenAgentsError("STATE", "Cannot store state: a key has a lone surrogate");
      }
      const json = stateJson(key, value);
      if (json === this.#stored.get(key)) continue;
      const tooMany = bytesAbove(json, limit);
      if (tooMany !== undefined) {
        throw new OpenAgentsError(
          "LIMIT",
          `Cannot store state "${key}": ${tooMany} bytes is above limits.valueBytes (${limit})`,
        );
      }
      put.set(key, json);
    }
    return { put, removed };
  }

  #get(key: string): unknown {
    if (this.#touched.has(key)) return this.#touched.get(key);
    const json = this.#stored.get(key);
    if (json === undefined) return undefined;
    const value: unknown = JSON.parse(json);
    this.#touched.set(key, value);
    return value;
  }

  #has(key: string): boolean {
    return this.#touched.has(key) ? this.#touched.get(key) !== undefined : this.#stored.has(key);
  }

  #keys(): string[] {
    const keys = [...this.#stored.keys()];
    for (const key of this.#touched.keys()) if (!this.#stored.has(key)) keys.push(key);
    return keys.filter((key) => this.#has(key));
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new OpenAgentsError("CANCELLED", "Cannot change ctx.state: its tick is over");
  }

  #handler(): ProxyHandler<State> {
    return {
      get: (target, key) =>
        typeof key === "string" && this.#has(key) ? this.#get(key) : Reflect.get(target, key),
      set: (_target, key, value) => {
        this.#checkOpen();
        if (typeof key !== "string") {
          throw new OpenAgentsError("STATE", "Cannot store state: a symbol is not a key of JSON");
        }
        this.#touched.set(key, value);
        return true;
      },
      has: (target, key) =>
        typeof key === "string" ? this.#has(key) || key in target : key in target,
      deleteProperty: (_target, key) => {
        this.#checkOpen();
        if (typeof key === "string") this.#touched.set(key, undefined);
        return true;
      },
      defineProperty: (_target, key, descriptor) => {
        this.#checkOpen();
        if (typeof key !== "string" || !("value" in descriptor)) return false;
        this.#touched.set(key, descriptor.value);
        return true;
      },
      preventExtensions: () => {
        throw new OpenAgentsError(
          "STATE",
          "Cannot freeze ctx.state, seal it or prevent its extension: it is a view of what is stored: freeze a copy, { ...ctx.state }",
        );
      },
      ownKeys: () => this.#keys(),
      getOwnPropertyDescriptor: (_target, key) =>
        typeof key === "string" && this.#has(key)
          ? { value: this.#get(key), writable: true, enumerable: true, configurable: true }
          : undefined,
    };
  }
}

function stateJson(key: string, value: unknown): string {
  try {
    return toJson(value, `state.${key}`);
  } catch (cause) {
    throw new OpenAgentsError("STATE", (cause as Error).message, { cause });
  }
}
