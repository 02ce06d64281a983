import { toMs } from "./duration.ts";
import type { Duration } from "./duration.ts";
import { OpenAgentsError } from "./errors.ts";
import type { StandardSchema } from "./standard-schema.ts";

/**
 * Checks what a configuration says of one thing, such as `agent "greeter"`. Node runs a configuration
 * without its types, so nothing is taken for what its type says. Each check throws CONFIG with what
 * the thing is, which of its options is wrong, and what it must be.
 */
export class OptionsCheck {
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  refuse(problem: string): never {
    throw new OpenAgentsError("CONFIG", `Cannot define ${this.#what}: ${problem}`);
  }

  /**
   * An object with no member but those of `known`, as a misspelt one would be ignored without a word;
   * members that are undefined are left out. `where` is its own name, if it has one.
   */
  members<T extends object>(value: T | undefined, known: readonly string[], where = ""): T {
    const given: unknown = value;
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      const name = where === "" ? "its options" : `"${where}"`;
      this.refuse(`${name} must be an object with ${known.join(", ")}, not ${shown(given)}`);
    }
    const members = Object.entries(given);
    for (const [key] of members) {
      if (known.includes(key)) continue;
      const path = where === "" ? key : `${where}.${key}`;
      this.refuse(`there is no "${path}", there are: ${known.join(", ")}`);
    }
    return Object.fromEntries(members.filter(([, member]) => member !== undefined)) as T;
  }

  /** A whole number, at least `least`. */
  whole(where: string, value: unknown, least: number): void {
    if (Number.isSafeInteger(value) && (value as number) >= least) return;
    this.refuse(`"${where}" must be a whole number, ${least} or more, not ${shown(value)}`);
  }

  /** A duration of `least` ms or more; gives it in ms. */
  duration(where: string, value: unknown, least = 0): number {
    const ms = this.within(where, () => toMs(value as Duration));
    if (ms < least) this.refuse(`"${where}" must be ${least} ms or more, not ${shown(value)}`);
    return ms;
  }

  /** A function, when there is one. */
  callable(where: string, value: unknown): void {
    if (value === undefined || typeof value === "function") return;
    this.refuse(`"${where}" must be a function, not ${shown(value)}`);
  }

  /** A schema, when there is one. Some libraries make schemas that are functions. */
  schema(where: string, value: unknown): void {
    if (value === undefined) return;
    const schema: Partial<StandardSchema> | null = value;
    if (typeof schema?.["~standard"]?.validate === "function") return;
    this.refuse(`"${where}" must be a Standard Schema, as zod or valibot make it`);
  }

  /** One of a set of words. */
  word(where: string, value: unknown, words: readonly string[]): void {
    if (words.includes(value as string)) return;
    this.refuse(`"${where}" must be one of ${words.join(", ")}, not ${shown(value)}`);
  }

  /** What `check` gives; what it throws is refused with the name of the option. */
  within<T>(where: string, check: () => T): T {
    try {
      return check();
    } catch (error) {
      return this.refuse(`"${where}": ${(error as Error).message}`);
    }
  }
}

/** A value as an error message shows it: texts quoted, of what has members only the kind. */
function shown(value: unknown): string {
  if (typeof value === "string") return `"${value}"`;
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
