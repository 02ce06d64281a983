import type { ModelReference } from "../core/ports/model.ts";
import type { KnownSecrets } from "./known-secrets.ts";
import { KEY_NAMES } from "./resolve.ts";

/** Headers that let somebody in. */
const LETS_IN = /auth|key|token|secret|cookie/i;
/** Shorter ones are no keys. */
const SHORTEST = 8;

/**
 * Makes known the keys that models have beside the secrets of a home: those that stand in the definition, and those
 * that packages of providers find in variables by themselves.
 */
export function learnOwnKeys(known: KnownSecrets, references: readonly ModelReference[]): void {
  const learn = (value: unknown, name: string): void => {
    if (typeof value === "string" && value.length >= SHORTEST) known.learn(value, name);
  };
  const { process } = globalThis as {
    readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> };
  };
  for (const name of KEY_NAMES) learn(process?.env?.[name], name);
  for (const reference of references) {
    if (typeof reference !== "object" || "doStream" in reference) continue;
    learn(reference.apiKey, "apiKey");
    for (const [name, value] of Object.entries(reference.headers ?? {})) {
      // What stands before the key says how it is one.
      if (LETS_IN.test(name)) learn(value.replace(/^\w+ /, ""), name);
    }
  }
}
