import type { Budget } from "../budget.ts";
import type { Context } from "../context.ts";
import type { Duration } from "../duration.ts";
import type { Trigger } from "../envelope.ts";
import type { Json } from "../json.ts";
import type { StandardSchema } from "../standard-schema.ts";
import type { State } from "../state.ts";
import type { Message } from "./memory.ts";
import type { SecretSource } from "./secrets.ts";

/** A language model: the shape of an AI SDK `LanguageModel`, specification V4. */
export interface Model {
  readonly specificationVersion: "v4";
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: never): PromiseLike<unknown>;
  doStream(options: never): PromiseLike<unknown>;
}

/** A model by name: `"openai/gpt-5"`, `"ollama/llama3.2"`; or with where it is and what lets one in. */
export type ModelReference = string | Model | ModelSettings;

/** A model of a provider that is reached in a way of one's own. */
export interface ModelSettings {
  /** `"openai/gpt-5"`, `"openai-compatible/whatever"` … */
  readonly model: string;
  /** Where the API is, such as `"http://127.0.0.1:8080/v1"`. `openai-compatible` needs it. */
  readonly baseURL?: string | undefined;
  /** The key, or the name of the secret that has it. Default: the secret of the provider's usual name. */
  readonly apiKey?: string | { readonly secret: string } | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** In place of the global one, for tests and proxies. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** What else goes with each call of a model, by the words that the AI SDK has for it. */
export interface ModelCallSettings {
  /** Where money has a budget: 8,192 unless it says otherwise. Default: as the provider has it. */
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly stopSequences?: string[];
  readonly seed?: number;
  readonly reasoning?:
    | "provider-default"
    | "none"
    | "minimal"
    | "low"
    | "medium"
    | "high"
    | "xhigh";
  // oxlint-disable-next-line typescript/no-explicit-any -- each provider has a type of its own
  readonly providerOptions?: Record<string, any>;
  readonly headers?: Record<string, string | undefined>;
}

/** How long a call of a model is tried, and how much it may answer. */
export interface CallLimits {
  /** Tries of one model after the first. Default 2. */
  readonly retries: number;
  /** Wait before the second try; it doubles each time, up to `maxBackoff`. Default `"1s"` and `"30s"`. */
  readonly backoff: Duration;
  readonly maxBackoff: Duration;
  /** The longest `Retry-After` that is waited for here. Default `"1m"`; above it the call fails. */
  readonly maxWait: Duration;
  /** For all tries together. Default `"5m"`. */
  readonly timeout: Duration;
  /** A try is over when no part came for so long. Default `"1m"`. */
  readonly stall: Duration;
  /** Characters of an answer, with its reasoning and tool calls. Default 4 Mi. */
  readonly answerSize: number;
}

/** Micro-USD for a million tokens, whole numbers: 3,000,000 is $3 for a million. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** What a model costs. */
export interface Price extends Rates {
  /** Other rates for all tokens of a call whose input is above so many, fewest first. */
  readonly tiers?: readonly (Rates & { readonly above: number })[];
}

/** Prices by model id, or by provider and model id: `"gpt-5"`, `"openai/gpt-5"`. */
export type Prices = Readonly<Record<string, Price>>;

/** Tokens of one model call, or of several: whole numbers, 0 where the provider said nothing. */
export interface Usage {
  /** All of the prompt, cached or not. */
  readonly input: number;
  /** All that was made, reasoning included. */
  readonly output: number;
  /** Of `input`: read from the provider's cache, and written to it. */
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Of `output`: reasoning. */
  readonly reasoning: number;
}

/** Tools by the names that the model calls them by. */
export type Tools = Readonly<Record<string, Tool>>;

/** A JSON Schema, as models are given it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * Something that a model may do. One with `execute` works outside of the agent, and each call of it is a step:
 * one that ended is not done again when the tick is. One with `perform` works on the agent itself, by `ctx`, and
 * is no step: it is done again with the tick, as all of the hook is. Tools of the AI SDK are tools.
 */
export interface Tool {
  /** What it does, for the model. */
  readonly description?: unknown;
  /** What it takes: a Standard Schema that can be JSON Schema too (zod), or JSON Schema. Default: nothing. */
  readonly inputSchema?: unknown;
  /** The same under another name. */
  readonly parameters?: unknown;
  /** Carries it out; what it returns, or throws, is told to the model. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each tool has an input of its own type
  execute?(input: any, options: ToolOptions): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  perform?(input: any, ctx: Context): unknown;
  /** What the model is told of what it gave: an output of the AI SDK, such as `{ type: "content", value: […] }`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  toModelOutput?(result: { toolCallId: string; input: any; output: any }): unknown;
  /** It changes nothing. Such calls run beside each other. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Its calls may run beside others. Default: as `readOnly`. */
  readonly parallel?: boolean | undefined;
  /** What kind of deed it is, and how much harm it can do, for whoever decides on that. */
  readonly category?: string | undefined;
  readonly risk?: Risk | undefined;
  /** Bytes of what the model is told of a result; the rest is cut. Default 65,536. */
  readonly outputBytes?: number | undefined;
  /** How long a call may take. Default: as long as the tick. */
  readonly timeout?: Duration | undefined;
  /** Names of the secrets that it may ask for. Default: none. */
  readonly secrets?: readonly string[] | undefined;
}

/** How much harm a tool can do. */
export type Risk = "low" | "medium" | "high";

/** What `execute` has beside its input; a tool of the AI SDK finds what it knows. */
export interface ToolOptions {
  /** Stable over every try of this call, different for every other: an idempotency key. */
  readonly key: string;
  /** Aborts when the tick is cut off, or the call takes too long. */
  readonly signal: AbortSignal;
  /** A secret that the tool names in `secrets`. It is taken out of what the tool gives back. */
  readonly secret: (name: string) => Promise<string>;
  readonly toolCallId: string;
  readonly abortSignal: AbortSignal;
  /** Empty: tools are not shown the conversation. */
  readonly messages: never[];
  /** Empty, as nothing is given to tools of the AI SDK. */
  readonly context: Record<string, unknown>;
}

/** A tool whose input has the type that its schema gives. */
export interface TypedTool<Input> extends Tool {
  readonly description?: string;
  readonly inputSchema?: StandardSchema<Input> | JsonSchema;
  readonly parameters?: StandardSchema<Input> | JsonSchema;
  execute?(input: Input, options: ToolOptions): unknown;
  perform?(input: Input, ctx: Context): unknown;
}

/** How the loop of a model agent goes. */
export interface ThinkSettings {
  /** The id of the conversation that a trigger belongs to. Default: whom it is from. */
  readonly conversation?: ((trigger: Trigger) => string) | undefined;
  /** Tokens of the conversation that the model is shown. Default 32,000. */
  readonly contextTokens?: number | undefined;
  /** Have the model sum up what no longer fits. Default true. */
  readonly summarise?: boolean | undefined;
  /**
   * Tell the model what the agent remembers that may matter: open goals, what it has learned that has to do with the
   * trigger, what it knows of whom that is from. Default true.
   */
  readonly memory?: boolean | undefined;
  /** Calls of the model in one tick, but for those that sum up. Default 20. */
  readonly maxSteps?: number | undefined;
  /** What else goes with each call. */
  readonly request?: ModelCallSettings | undefined;
  readonly limits?: Partial<CallLimits> | undefined;
  /** Prices that count before those of the table. */
  readonly prices?: Prices | undefined;
  /**
   * What the reply is to be: a Standard Schema that can be JSON Schema too (zod). The reply is the value then, and
   * not text. Default: text.
   */
  readonly output?: StandardSchema | undefined;
}

/** The system prompt, or what makes it. */
export type Instructions<S extends State = State> =
  | string
  | ((ctx: Context<S>, trigger: Trigger) => string | Promise<string>);

/** What a definition says of the model of its agents. */
export interface Thinking extends ThinkSettings {
  /** Absent for agents that have tools alone. */
  readonly model?: ModelReference | undefined;
  /** Asked in turn when the one before cannot answer. */
  readonly fallbacks?: readonly ModelReference[] | undefined;
  readonly instructions?: Instructions | undefined;
  readonly tools?: Tools | undefined;
}

/**
 * What the kernel knows of models: makes the mind that the agents of one definition share, with the budget of that.
 * @throws CONFIG
 */
export type Thinker = (agent: string, thinking: Thinking, budget?: Budget) => Mind;

/** How agents of one definition think. */
export interface Mind {
  /** Begins to think in one tick, with the secrets of the home, where it has any. */
  begin(ctx: Context, secrets: SecretSource | undefined): Thought;
}

/** What an agent has to think with in one tick. */
export interface Thought {
  /** The default loop, for the tick's trigger. */
  think(): Promise<void>;
  readonly model: ContextModel;
  readonly tools: ContextTools;
}

/** The agent's model in a tick. */
export interface ContextModel {
  /**
   * Has the model answer, and carries out the tools that it calls, if it is given any. Each call of the model and
   * of a tool is a step, what it costs is counted, and what it says is told to whoever follows the agent.
   * @throws CONFIG where there is no model; BUDGET when it could cost more than is left; INVALID for an answer
   *   that does not fit `output` after three tries, and for no `prompt`; LIMIT where there is an `output` and no
   *   answer within `maxSteps`; what calls of models throw
   */
  generate<Output = undefined>(request: GenerateRequest<Output>): Promise<Generated<Output>>;
}

export interface GenerateRequest<Output = undefined> extends ModelCallSettings {
  /** What is asked: a text, or messages, such as those of a conversation. */
  readonly prompt: string | readonly Pick<Message, "role" | "content">[];
  /** The system prompt. Default: none; the agent's `instructions` are for its loop. */
  readonly system?: string | undefined;
  /** What it may use. Default: nothing; `"all"` for all that the agent has. */
  readonly tools?: Tools | "all" | undefined;
  /** What the answer is to be: a Standard Schema that can be JSON Schema too (zod). Default: text. */
  readonly output?: StandardSchema<Output> | undefined;
  /** Default: the agent's own, with its fallbacks. */
  readonly model?: ModelReference | undefined;
  /** Calls of the model, where there are tools. Default: as the agent's loop. */
  readonly maxSteps?: number | undefined;
  /** What its steps are called. Default `"model"`. */
  readonly name?: string | undefined;
}

export interface Generated<Output = undefined> {
  /** All text of the last answer. */
  readonly text: string;
  /** The answer as `output` has it; undefined without one. */
  readonly output: Output;
  /** Why the last answer ended: `stop`, `length`, `content-filter`, `tool-calls`: there was no end within `maxSteps`. */
  readonly finish: string;
  /** The calls of tools, in order. */
  readonly toolCalls: readonly {
    readonly name: string;
    readonly input: Json;
    readonly output: Json;
  }[];
  /** Of all calls of the model together, with tries that were lost. */
  readonly usage: Usage;
  /** Micro-USD; undefined when the price of one of them is not known. */
  readonly cost: number | undefined;
  /** Who answered last, as `provider/model`. */
  readonly model: string;
}

/** The agent's tools in a tick: those of its definition, and those that are mounted below `/tools/`. */
export interface ContextTools {
  list(): Promise<readonly ToolInfo[]>;
  /**
   * Carries one out, as the model would. @throws NOT_FOUND; INVALID for input that does not fit; FAILED, with its words,
   *   when it fails
   */
  call(name: string, input?: unknown): Promise<Json>;
}

export interface ToolInfo {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema: JsonSchema;
  readonly category?: string;
  readonly risk?: Risk;
  readonly readOnly: boolean;
}
