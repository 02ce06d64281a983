import { formsOf } from "./secret-forms.ts";

/** Shorter ones would be found everywhere. */
export const SHORTEST = 4;
/** Of a variable that only its name says to be secret: a shorter one is often a word. */
const SHORTEST_VARIABLE = 8;
/** So many values are looked for, those that were told of last. */
const MOST = 256;

/** How a secret may look, and what stands for it then. */
export interface SecretForm {
  readonly form: string;
  /** It without white space. */
  readonly bare: string;
  readonly mark: string;
}

/** The secrets that are looked for in texts: those of a home have one of these together. */
export class KnownSecrets {
  readonly #known = new Map<string, readonly SecretForm[]>();
  #forms: readonly SecretForm[] = [];

  /** Of all of them, the longest first: one secret may be a part of another. Another list once there are others. */
  get forms(): readonly SecretForm[] {
    return this.#forms;
  }

  /** From now on it knows this one too; of under 4 characters none. The name stands in its place. */
  learn(value: string, name: string): void {
    if (value.length < SHORTEST) return;
    const mark = `[secret ${name.replaceAll(/[^\w.-]/g, "_")}]`;
    const forms =
      this.#known.get(value) ??
      formsOf(value).map((form) => ({ form, bare: form.replaceAll(/\s+/g, ""), mark }));
    const isNew = !this.#known.delete(value);
    this.#known.set(value, forms);
    if (!isNew) return;
    for (const oldest of [...this.#known.keys()].slice(0, -MOST)) this.#known.delete(oldest);
    this.#forms = [...this.#known.values()].flat().sort((a, b) => b.form.length - a.form.length);
  }
}

/** Those that variables have, name and value. */
export function knownVariables(
  variables: readonly (readonly [name: string, value: string | undefined])[],
): KnownSecrets {
  const known = new KnownSecrets();
  for (const [name, value] of variables) {
    if (value !== undefined && value.length >= SHORTEST_VARIABLE) known.learn(value, name);
  }
  return known;
}
