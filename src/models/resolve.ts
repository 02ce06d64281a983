import type { LanguageModelV4 } from "@ai-sdk/provider";
import { TerminalError } from "../core/errors.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import type { Model, ModelReference, ModelSettings } from "../core/ports/model.ts";
import { isSecretName } from "../core/secret-name.ts";
import { keylessErrors } from "./keyless-errors.ts";
import type { ModelName } from "./prices.ts";
import type { SecretStore } from "./secrets.ts";

export type { ModelReference, ModelSettings } from "../core/ports/model.ts";

/** Gives the module of a package. @throws when it is not installed */
export type ModelLoader = (name: ModelPackage) => Promise<unknown>;

export type ModelPackage =
  | "@ai-sdk/openai"
  | "@ai-sdk/anthropic"
  | "@ai-sdk/google"
  | "@ai-sdk/openai-compatible";

export interface ResolveOptions {
  /** Default: the packages that are installed. */
  readonly load?: ModelLoader | undefined;
  /**
   * Where keys of APIs come from, by name: `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`,
   * `GOOGLE_GENERATIVE_AI_API_KEY`. Default: the packages look for variables of these names by themselves.
   */
  readonly secrets?: SecretStore | undefined;
}

/** What the providers' packages are made with. */
interface Setup {
  readonly name?: string;
  readonly baseURL?: string;
  readonly apiKey?: string;
  readonly headers?: Record<string, string>;
  readonly fetch?: typeof globalThis.fetch;
  readonly includeUsage?: boolean;
}

interface Provider {
  readonly package: ModelPackage;
  /** The maker of providers in it, and what that is given. */
  readonly make: string;
  readonly setup: Setup;
  /** The usual name of the key; without one it needs none. */
  readonly key?: string;
}

/** By the word that stands before the slash. */
const PROVIDERS = {
  openai: {
    package: "@ai-sdk/openai",
    make: "createOpenAI",
    key: "OPENAI_API_KEY",
    setup: {},
  },
  anthropic: {
    package: "@ai-sdk/anthropic",
    make: "createAnthropic",
    key: "ANTHROPIC_API_KEY",
    setup: {},
  },
  google: {
    package: "@ai-sdk/google",
    make: "createGoogleGenerativeAI",
    key: "GOOGLE_GENERATIVE_AI_API_KEY",
    setup: {},
  },
  ollama: {
    package: "@ai-sdk/openai-compatible",
    make: "createOpenAICompatible",
    setup: { name: "ollama", baseURL: "http://127.0.0.1:11434/v1", includeUsage: true },
  },
  "openai-compatible": {
    package: "@ai-sdk/openai-compatible",
    make: "createOpenAICompatible",
    setup: { name: "openai-compatible", includeUsage: true },
  },
} as const satisfies Record<string, Provider>;

/** The usual names of keys, by which packages of providers find them too. */
export const KEY_NAMES: readonly string[] = Object.values(PROVIDERS).flatMap((entry: Provider) =>
  entry.key === undefined ? [] : [entry.key],
);

/**
 * The model that a name stands for: `PROVIDER/MODEL`, where the provider is `openai`, `anthropic`, `google`,
 * `ollama` or `openai-compatible`. Its package, an optional peer of this one, is loaded when it is needed. A
 * model of the AI SDK is given back as it is.
 *
 * The model keeps its key for as long as it lives: whoever gives `secrets` asks `Models` for it in each tick, so that a
 * key that was changed or removed counts.
 * @throws CONFIG (terminal) for a name that says no provider, for a package that is not installed (the message says
 *   how to install it), for `openai-compatible` without `baseURL`, and for a key that `secrets` does not have;
 *   LOCKED for one that is stored, while the keys are locked
 */
export async function resolveModel(
  reference: ModelReference,
  options: ResolveOptions = {},
): Promise<LanguageModelV4> {
  return new Models(1).resolve(reference, options);
}

/** A model, and the key that it was made with. */
interface Made {
  readonly key: string | undefined;
  readonly model: LanguageModelV4;
}

/** Models that were made: each is made once for as long as its key stays the same. */
export class Models {
  readonly #most: number;
  /** By reference, the latest last. */
  readonly #made = new Map<ModelReference, Made>();

  /** Keeps `most` models at most. */
  constructor(most: number) {
    this.#most = most;
  }

  /** As `resolveModel`. */
  async resolve(
    reference: ModelReference,
    { load = loadPackage, secrets }: ResolveOptions,
  ): Promise<LanguageModelV4> {
    if (typeof reference === "object" && "doStream" in reference) {
      // The kernel knows models by their shape alone.
      return reference as unknown as LanguageModelV4;
    }
    const named = checked(reference);
    const make = await makerOf(named, load);
    const key = await keyOf(named, secrets);
    const before = this.#made.get(reference);
    this.#made.delete(reference);
    const kept = before !== undefined && before.key === key?.value ? before : undefined;
    const made = kept ?? { key: key?.value, model: make(setupOf(named, key))(named.modelId) };
    this.#made.set(reference, made);
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= this.#most) break;
      this.#made.delete(oldest);
    }
    return made.model;
  }
}

/**
 * What a model is called as its calls are priced; undefined for one that is made already.
 * @throws CONFIG for what can be known to be wrong before it is asked: as `resolveModel`, but for package and key
 */
export function nameIn(reference: ModelReference): ModelName | undefined {
  if (typeof reference === "object" && "doStream" in reference) return undefined;
  const { provider, modelId } = checked(reference);
  return { provider, modelId };
}

/** A reference by name, made sure of. */
interface Named {
  readonly name: string;
  readonly provider: string;
  readonly modelId: string;
  readonly entry: Provider;
  readonly settings: ModelSettings;
}

/** @throws CONFIG as `nameIn` */
function checked(reference: Exclude<ModelReference, Model>): Named {
  const settings = typeof reference === "string" ? { model: reference } : reference;
  const known = named(settings.model);
  const { name, provider } = known;
  const { baseURL, apiKey } = settings;
  if (provider === "openai-compatible" && baseURL === undefined) {
    throw refusal(
      name,
      'give "baseURL", the address of its API, such as "http://127.0.0.1:8080/v1"',
    );
  }
  if (baseURL !== undefined && !URL.canParse(baseURL)) {
    throw refusal(name, '"baseURL" must be an address, such as "http://127.0.0.1:8080/v1"');
  }
  if (typeof apiKey === "object" && !isSecretName(apiKey.secret)) {
    // What is no name is not quoted: it may be the key itself.
    throw refusal(name, '"apiKey.secret" must be the name of a secret');
  }
  return { ...known, settings };
}

/** Makes a provider, of which a model is had by its id. */
type Maker = (setup: Setup) => (modelId: string) => LanguageModelV4;

async function makerOf({ name, entry }: Named, load: ModelLoader): Promise<Maker> {
  let module: unknown;
  try {
    module = await load(entry.package);
  } catch (error) {
    throw refusal(
      name,
      `it needs the package ${entry.package}: run "npm install ${entry.package}"`,
      error,
    );
  }
  const make = (module as Readonly<Record<string, unknown>>)[entry.make];
  if (typeof make === "function") return make as Maker;
  throw refusal(
    name,
    `${entry.package} has no ${entry.make}: install the version that package.json names`,
  );
}

/** The key of an API, and the name of the secret that it is, where it is one. */
interface Key {
  readonly value: string;
  readonly secret?: string;
}

async function keyOf(
  { name, entry, settings }: Named,
  secrets: SecretStore | undefined,
): Promise<Key | undefined> {
  const usual =
    secrets === undefined || entry.key === undefined ? undefined : { secret: entry.key };
  const key = settings.apiKey ?? usual;
  if (key === undefined) return undefined;
  if (typeof key === "string") return { value: key };
  const { secret } = key;
  const value = await secrets?.(secret);
  if (value !== undefined && value !== "") return { value, secret };
  throw refusal(
    name,
    `there is no secret "${secret}" with the key of its API: set the variable ${secret}, or store it with "agentctl secret set ${secret}"`,
  );
}

function setupOf({ entry, settings }: Named, key: Key | undefined): Setup {
  const { baseURL, headers, fetch: given } = settings;
  const fetch = key?.secret === undefined ? given : keylessErrors(given, key.value, key.secret);
  return {
    ...entry.setup,
    ...(baseURL !== undefined && { baseURL }),
    ...(key !== undefined && { apiKey: key.value }),
    ...(headers !== undefined && { headers }),
    fetch: boundedFetch(fetch),
  };
}

/** What a name says. @throws CONFIG where it says no provider */
function named(given: unknown): Omit<Named, "settings"> {
  const name = typeof given === "string" ? given : "";
  const slash = name.indexOf("/");
  const provider = name.slice(0, Math.max(slash, 0));
  const modelId = name.slice(slash + 1);
  if (Object.hasOwn(PROVIDERS, provider) && modelId !== "") {
    return { name, provider, modelId, entry: PROVIDERS[provider as keyof typeof PROVIDERS] };
  }
  throw refusal(
    name,
    `name it PROVIDER/MODEL, with one of ${Object.keys(PROVIDERS).join(", ")}, or give a model of the AI SDK`,
  );
}

/** To try the tick again would come to the same. */
function refusal(name: string, problem: string, cause?: unknown): TerminalError {
  return new TerminalError(`Cannot use model "${name}": ${problem}`, { code: "CONFIG", cause });
}

/** Each name stands here as it is, so that bundlers find it; in a `try`, so that they do without it. */
async function loadPackage(name: ModelPackage): Promise<unknown> {
  try {
    if (name === "@ai-sdk/openai") return await import("@ai-sdk/openai");
    if (name === "@ai-sdk/anthropic") return await import("@ai-sdk/anthropic");
    if (name === "@ai-sdk/google") return await import("@ai-sdk/google");
    return await import("@ai-sdk/openai-compatible");
  } catch (error) {
    throw new Error(`Cannot load ${name}`, { cause: error });
  }
}
