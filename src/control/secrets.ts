import { OpenAgentsError } from "../core/errors.ts";
import type { Clock, HomeFiles, SecretSource, Signer } from "../core/ports/index.ts";
import { checkSecretName, isOwnSecret, isSecretName } from "../core/secret-name.ts";

/** A stored secret, without its value, which nothing shows again. */
export interface SecretInfo {
  readonly name: string;
  /** When it was set last, ms since 1970. */
  readonly setAt: number;
}

/** The stored secrets of a home, for who may change them. */
export interface SecretAdmin {
  /** Stores a secret, in place of one of that name. @throws INVALID for name or value; LOCKED */
  set(name: string, value: string): Promise<SecretInfo>;
  /** In order of name, after `after`. */
  list(after: string, limit: number): Promise<readonly SecretInfo[]>;
  /** It is given to nobody from then on. @throws NOT_FOUND */
  remove(name: string): Promise<void>;
}

/** The same, for whoever hands them out. */
export interface StoredSecrets extends SecretAdmin {
  /** @throws LOCKED; DENIED for one that was sealed by another home */
  readonly get: SecretSource;
}

/** The fewest characters of a secret: shorter ones are found everywhere, and could not be taken out of texts. */
export const SHORTEST_SECRET = 4;
export const LONGEST_SECRET = 65_536;

interface StoredSecret {
  readonly sealed: string;
  readonly setAt: number;
}

const PREFIX = "secrets/";
/** How many are kept open. */
const KEPT = 1_000;

export interface SecretsOptions {
  readonly files: HomeFiles;
  readonly clock: Pick<Clock, "now">;
  readonly signer: Pick<Signer, "sealSecret" | "openSecret">;
  /** Told of each value before anybody has it: what takes secrets out of texts. */
  readonly learn: (value: string, name: string) => void;
}

/** Secrets in a home's files, each sealed by the home's key: what is read there tells nothing but their names. */
export function storedSecrets({ files, clock, signer, learn }: SecretsOptions): StoredSecrets {
  const opened = new Map<string, { readonly sealed: string; readonly value: string }>();
  return {
    async set(name, value) {
      checkSecretName(name);
      checkValue(name, value);
      learn(value, name);
      const info: SecretInfo = { name, setAt: clock.now() };
      const stored: StoredSecret = {
        sealed: await signer.sealSecret(name, value),
        setAt: info.setAt,
      };
      await files.write({ put: [{ path: PREFIX + name, value: JSON.stringify(stored) }] });
      return info;
    },
    async list(after, limit) {
      const rows = await files.list({ prefix: PREFIX, after: PREFIX + after, limit });
      return rows.map(({ path, value }) => {
        const { setAt } = JSON.parse(value) as StoredSecret;
        return { name: path.slice(PREFIX.length), setAt };
      });
    },
    async remove(name) {
      const path = PREFIX + name;
      if (!isSecretName(name) || (await files.read(path)) === undefined) throw noSecret(name);
      await files.write({ remove: [path] });
      opened.delete(name);
    },
    async get(name) {
      if (!isSecretName(name)) return undefined;
      const file = await files.read(PREFIX + name);
      if (file === undefined) {
        opened.delete(name);
        return undefined;
      }
      const { sealed } = JSON.parse(file) as StoredSecret;
      const known = opened.get(name);
      if (known?.sealed === sealed) return known.value;
      const value = await signer.openSecret(name, sealed);
      learn(value, name);
      opened.delete(name);
      if (opened.size >= KEPT) opened.delete(opened.keys().next().value!);
      opened.set(name, { sealed, value });
      return value;
    },
  };
}

/** How long a secret is remembered where to look it up costs a call, ms. */
const REMEMBERED = 3_000;

/**
 * The same secrets, where to look at them costs a call: what was found, or not, is good for three seconds more.
 * What is changed through this one counts here from then on. No look is shared: in a Worker one belongs to the
 * request that began it, and may end with it.
 */
export function rememberedSecrets(
  secrets: StoredSecrets,
  clock: Pick<Clock, "now">,
): StoredSecrets {
  const known = new Map<string, { readonly value: string | undefined; readonly until: number }>();
  let changes = 0;
  const changing = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      changes += 1;
      known.delete(name);
    }
  };
  return {
    list: (after, limit) => secrets.list(after, limit),
    set: (name, value) => changing(name, () => secrets.set(name, value)),
    remove: (name) => changing(name, () => secrets.remove(name)),
    async get(name) {
      const kept = known.get(name);
      if (kept !== undefined && clock.now() < kept.until) return kept.value;
      known.delete(name);
      const before = changes;
      const value = await secrets.get(name);
      // What was looked up before a change is no news of it.
      if (before !== changes) return value;
      if (known.size >= KEPT) known.delete(known.keys().next().value!);
      known.set(name, { value, until: clock.now() + REMEMBERED });
      return value;
    },
  };
}

export interface SecretSourceOptions {
  /** Undefined where none can be stored. */
  readonly stored: Pick<StoredSecrets, "get"> | undefined;
  /** Variables, or the bindings of a Worker, of which those that are text count. */
  readonly env: Readonly<Record<string, unknown>>;
  /** Told of each value before anybody has it: what takes secrets out of texts. */
  readonly learn: (value: string, name: string) => void;
}

/**
 * The secrets of a home by name: those that are stored, and then the variables. Variables whose names begin with
 * `OPENAGENTS_` are the home's own, such as the words that all keys come from, and none of these.
 */
export function secretSource({ stored, env, learn }: SecretSourceOptions): SecretSource {
  return async (name) => {
    if (!isSecretName(name) || isOwnSecret(name)) return undefined;
    const found = await stored?.get(name);
    if (found !== undefined) return found;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (typeof value !== "string" || value === "") return undefined;
    learn(value, name);
    return value;
  };
}

function checkValue(name: string, value: string): void {
  const refuse = (why: string): never => {
    throw new OpenAgentsError("INVALID", `Cannot set secret "${name}": ${why}`);
  };
  if (value.length < SHORTEST_SECRET || value.length > LONGEST_SECRET) {
    refuse(`it must have ${SHORTEST_SECRET} to ${LONGEST_SECRET} characters`);
  }
  if (!value.isWellFormed()) refuse("it has a lone surrogate");
}

/** What was asked for is named only where it can be a name: it may be a secret in its place. */
function noSecret(name: string): OpenAgentsError {
  return new OpenAgentsError(
    "NOT_FOUND",
    isSecretName(name) ? `There is no stored secret "${name}"` : "There is no such secret",
  );
}
