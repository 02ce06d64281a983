import type { LanguageModelV4 } from "@ai-sdk/provider";
import { OpenAgentsError } from "../core/errors.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import type { ModelReference } from "../core/ports/model.ts";
import { isSecretName } from "../core/secret-name.ts";
import { keylessErrors } from "./keyless-errors.ts";
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
 * The model keeps its key for as long as it lives: whoever gives `secrets` resolves it anew for each tick, so that a
 * key that was changed or removed counts.
 * @throws CONFIG for a name that says no provider, for a package that is not installed (the message says how to
 *   install it), for `openai-compatible` without `baseURL`, and for a key that `secrets` does not have; LOCKED
 *   for one that is stored, while the keys are locked
 */
export async function resolveModel(
  reference: ModelReference,
  { load = loadPackage, secrets }: ResolveOptions = {},
): Promise<LanguageModelV4> {
  if (typeof reference === "object" && "doStream" in reference) {
    // The kernel knows models by their shape alone.
    return reference as unknown as LanguageModelV4;
  }
  const settings = typeof reference === "string" ? { model: reference } : reference;
  const { name, provider, modelId, entry } = named(settings.model);
  const refuse = (problem: string, cause?: unknown): OpenAgentsError =>
    refusal(name, problem, cause);
  const { baseURL, headers, fetch: given } = settings;
  const keyOf = async (secret: string): Promise<string> => {
    // What is no name is not quoted: it may be the key itself.
    if (!isSecretName(secret)) throw refuse('"apiKey.secret" must be the name of a secret');
    const key = await secrets?.(secret);
    if (key !== undefined && key !== "") return key;
    throw refuse(
      `there is no secret "${secret}" with the key of its API: set the variable ${secret}, or store it with "agentctl secret set ${secret}"`,
    );
  };
  const usual =
    secrets === undefined || entry.key === undefined ? undefined : { secret: entry.key };
  const key = settings.apiKey ?? usual;
  const apiKey = typeof key === "object" ? await keyOf(key.secret) : key;
  const fetch = typeof key === "object" ? keylessErrors(given, apiKey!, key.secret) : given;
  const setup: Setup = {
    ...entry.setup,
    ...(baseURL !== undefined && { baseURL }),
    ...(apiKey !== undefined && { apiKey }),
    ...(headers !== undefined && { headers }),
    fetch: boundedFetch(fetch),
  };
  if (provider === "openai-compatible" && setup.baseURL === undefined) {
    throw refuse('give "baseURL", the address of its API, such as "http://127.0.0.1:8080/v1"');
  }
  let module: unknown;
  try {
    module = await load(entry.package);
  } catch (error) {
    throw refuse(
      `it needs the package ${entry.package}: run "npm install ${entry.package}"`,
      error,
    );
  }
  const make = (module as Readonly<Record<string, unknown>>)[entry.make];
  if (typeof make !== "function") {
    throw refuse(
      `${entry.package} has no ${entry.make}: install the version that package.json names`,
    );
  }
  const made = (make as (setup: Setup) => (modelId: string) => LanguageModelV4)(setup);
  return made(modelId);
}

/** Checks what can be known of a model before it is asked. @throws CONFIG for a name that says no provider */
export function checkReference(reference: ModelReference): void {
  if (typeof reference === "string") named(reference);
  else if (!("doStream" in reference)) named(reference.model);
}

/** What a name says. @throws CONFIG where it says no provider */
function named(given: unknown): {
  readonly name: string;
  readonly provider: string;
  readonly modelId: string;
  readonly entry: Provider;
} {
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

function refusal(name: string, problem: string, cause?: unknown): OpenAgentsError {
  return new OpenAgentsError("CONFIG", `Cannot use model "${name}": ${problem}`, { cause });
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
