import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { formsOf } from "./secret-forms.ts";
import { bareText, cleanLeaves, cleanSplit } from "./split-secrets.ts";

/** Gives a secret by its name, where a tool is carried out; undefined where there is none of that name. */
export type SecretStore = (name: string) => string | undefined | Promise<string | undefined>;

/** Shorter ones would be found everywhere. */
const SHORTEST = 4;
/** So many values are looked for, those that were handed out last. */
const MOST = 256;

/** How a secret may look, and what stands for it then. */
export interface SecretForm {
  readonly form: string;
  /** It without white space. */
  readonly bare: string;
  readonly mark: string;
}

/** What was handed out. */
interface Learned {
  /** By value. */
  readonly known: Map<string, readonly SecretForm[]>;
  /** Of all of them, the longest first: one secret may be a part of another. */
  forms: readonly SecretForm[];
}

/**
 * Hands secrets to tools, and takes them out of what comes back: as they are, and in the ways that `formsOf` knows,
 * also where white space is put into them or they are in pieces of one value. What a tool makes of one in another
 * way is not known here.
 */
export class Secrets {
  readonly #store: SecretStore | undefined;
  readonly #learned: Learned;

  constructor(store: SecretStore | undefined, learned: Learned = { known: new Map(), forms: [] }) {
    this.#store = store;
    this.#learned = learned;
  }

  /** The same out of another store: what was handed out is taken out of results by both. */
  from(store: SecretStore | undefined): Secrets {
    return new Secrets(store, this.#learned);
  }

  /**
   * The secret of this name, for a tool that may have those in `allowed`.
   * @throws DENIED for one that it may not have; CONFIG where there is none, or one of under 4 characters
   */
  async get(name: string, allowed: readonly string[]): Promise<string> {
    const refuse = (code: "DENIED" | "CONFIG", problem: string): OpenAgentsError =>
      new OpenAgentsError(code, `Cannot give secret ${JSON.stringify(name)}: ${problem}`);
    if (!allowed.includes(name)) throw refuse("DENIED", 'the tool does not name it in "secrets"');
    if (this.#store === undefined)
      throw refuse("CONFIG", 'there are none: give "secrets" to think()');
    const value = await this.#store(name);
    if (value === undefined || value === "") throw refuse("CONFIG", "there is none of this name");
    if (value.length < SHORTEST) throw refuse("CONFIG", `it has under ${SHORTEST} characters`);
    this.#learn(value, `[secret ${name.replaceAll(/[^\w.-]/g, "_")}]`);
    return value;
  }

  /** A text without the secrets that were handed out so far. */
  clean(text: string): string {
    if (this.#learned.forms.length === 0) return text;
    const rest = this.#learned.forms.reduce(
      (rest, { form, mark }) => (rest.includes(form) ? rest.replaceAll(form, () => mark) : rest),
      text,
    );
    return cleanSplit(rest, this.#learned.forms);
  }

  /** Characters of the longest form of a secret that was handed out; 0 where there is none. */
  get longest(): number {
    return this.#learned.forms[0]?.form.length ?? 0;
  }

  /**
   * The beginning of a text, of `length` characters at most, without secrets: none of it is of one that goes on after
   * it. No more than that beginning is looked at.
   */
  cleanHead(text: string, length: number): string {
    if (text.length <= length) return this.clean(text);
    const head = this.clean(text.slice(0, length));
    // White space may be within what was begun.
    return head.slice(0, Math.max(0, head.length - 2 * this.longest));
  }

  /** The same for JSON, names of members included. */
  cleanJson(value: Json): Json {
    if (this.#learned.forms.length === 0) return value;
    // Values have many texts, and seldom a secret.
    const all = bareText(value);
    if (!this.#learned.forms.some(({ bare }) => all.includes(bare))) return value;
    return cleanLeaves(this.#each(value), this.#learned.forms);
  }

  #each(value: Json): Json {
    if (typeof value === "string") return this.clean(value);
    if (typeof value === "number") {
      const text = String(value);
      const cleaned = this.clean(text);
      return cleaned === text ? value : cleaned;
    }
    if (Array.isArray(value)) return value.map((one: Json) => this.#each(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [this.clean(key), this.#each(one)]),
    );
  }

  #learn(value: string, mark: string): void {
    const forms =
      this.#learned.known.get(value) ??
      formsOf(value).map((form) => ({ form, bare: form.replaceAll(/\s+/g, ""), mark }));
    const isNew = !this.#learned.known.delete(value);
    this.#learned.known.set(value, forms);
    if (!isNew) return;
    for (const oldest of [...this.#learned.known.keys()].slice(0, -MOST))
      this.#learned.known.delete(oldest);
    this.#learned.forms = [...this.#learned.known.values()]
      .flat()
      .sort((a, b) => b.form.length - a.form.length);
  }
}
