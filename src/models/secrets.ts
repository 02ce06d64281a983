import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { base64 } from "./plain.ts";

/** Gives a secret by its name, where a tool is carried out; undefined where there is none of that name. */
export type SecretStore = (name: string) => string | undefined | Promise<string | undefined>;

/** Shorter ones would be found everywhere. */
const SHORTEST = 4;

/**
 * Hands secrets to tools, and takes them out of what comes back: as they are, and as JSON, in an address, and as
 * Base64 they would look. What a tool makes of one in another way is not known here.
 */
export class Secrets {
  readonly #store: SecretStore | undefined;
  /** What stands in texts, and in the text of JSON, by what it is replaced with. */
  readonly #inText = new Map<string, string>();
  readonly #inJson = new Map<string, string>();

  constructor(store: SecretStore | undefined) {
    this.#store = store;
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
    const mark = `[secret ${name.replaceAll(/[^\w.-]/g, "_")}]`;
    const bytes = new TextEncoder().encode(value);
    const coded = [encodeURIComponent(value.toWellFormed()), base64(bytes).replace(/=+$/, "")];
    for (const form of [value, ...coded]) this.#inText.set(form, mark);
    for (const form of [JSON.stringify(value).slice(1, -1), ...coded]) this.#inJson.set(form, mark);
    return value;
  }

  /** A text without the secrets that were handed out so far. */
  clean(text: string): string {
    return replaced(text, this.#inText);
  }

  /** The same for JSON, names of members included. */
  cleanJson(value: Json): Json {
    if (this.#inJson.size === 0) return value;
    return JSON.parse(replaced(JSON.stringify(value), this.#inJson)) as Json;
  }
}

/** The longest first: one secret may be a part of another. */
function replaced(text: string, marks: ReadonlyMap<string, string>): string {
  const forms = [...marks].sort(([a], [b]) => b.length - a.length);
  return forms.reduce((rest, [form, mark]) => rest.replaceAll(form, () => mark), text);
}
