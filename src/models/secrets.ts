import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { KnownSecrets, SHORTEST } from "./known-secrets.ts";
import { bareText, cleanLeaves, cleanSplit } from "./split-secrets.ts";

/** Gives a secret by its name, where a tool is carried out; undefined where there is none of that name. */
export type SecretStore = (name: string) => string | undefined | Promise<string | undefined>;

/**
 * Hands secrets to tools, and takes them out of what comes back: as they are, and in the ways that `formsOf` knows,
 * also where white space is put into them or they are in pieces of one value. What a tool makes of one in another
 * way is not known here.
 */
export class Secrets {
  readonly #store: SecretStore | undefined;
  readonly #known: KnownSecrets;
  readonly #declared: readonly string[];
  /** Names that were looked up, so that their values are known. */
  readonly #looked = new Map<string, Promise<void>>();

  /**
   * @param known those that are looked for: of all who share it
   * @param declared names that `know` looks up whatever it is asked for
   */
  constructor(
    store: SecretStore | undefined,
    known: KnownSecrets = new KnownSecrets(),
    declared: readonly string[] = [],
  ) {
    this.#store = store;
    this.#known = known;
    this.#declared = declared;
  }

  /** How secrets may look that are looked for. */
  get forms(): KnownSecrets["forms"] {
    return this.#known.forms;
  }

  /** Where they come from: whoever asks there has what it gets taken out of texts from then on. */
  get source(): ((name: string) => Promise<string | undefined>) | undefined {
    const store = this.#store;
    if (store === undefined) return undefined;
    return async (name) => {
      const value = await store(name);
      if (value !== undefined) this.#known.learn(value, name);
      return value;
    };
  }

  /**
   * Looks up these, so that their values are taken out of texts also where nobody was handed them, as code may have
   * them from elsewhere. Each is looked up once; one that there is not is none.
   * @throws LOCKED, and whatever the store throws but DENIED
   */
  async know(names: readonly string[] = []): Promise<void> {
    const { source } = this;
    if (source === undefined) return;
    const look = async (name: string): Promise<void> => {
      try {
        await source(name);
      } catch (error) {
        // One that another home has sealed is nobody's here.
        if (error instanceof OpenAgentsError && error.code === "DENIED") return;
        this.#looked.delete(name);
        throw error;
      }
    };
    const each = [...new Set([...this.#declared, ...names])].map((name) => {
      const looked = this.#looked.get(name) ?? look(name);
      this.#looked.set(name, looked);
      return looked;
    });
    await Promise.all(each);
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
    this.#known.learn(value, name);
    return value;
  }

  /** A text without the secrets that were handed out so far. */
  clean(text: string): string {
    if (this.forms.length === 0) return text;
    const rest = this.forms.reduce(
      (rest, { form, mark }) => (rest.includes(form) ? rest.replaceAll(form, () => mark) : rest),
      text,
    );
    return cleanSplit(rest, this.forms);
  }

  /** Characters of the longest form of a secret that was handed out; 0 where there is none. */
  get longest(): number {
    return this.forms[0]?.form.length ?? 0;
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
    if (this.forms.length === 0) return value;
    // Values have many texts, and seldom a secret.
    const all = bareText(value);
    if (!this.forms.some(({ bare }) => all.includes(bare))) return value;
    return cleanLeaves(this.#each(value), this.forms);
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
}
