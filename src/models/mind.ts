import type { LanguageModelV4 } from "@ai-sdk/provider";
import type { Budget } from "../core/budget.ts";
import type { Context } from "../core/context.ts";
import { OpenAgentsError, TerminalError } from "../core/errors.ts";
import type { Clock, Random, SecretSource } from "../core/ports/index.ts";
import type {
  ContextModel,
  ContextTools,
  Mind,
  ModelReference,
  Prices,
  Thinker,
  Thinking,
  Thought,
} from "../core/ports/model.ts";
import { systemClock } from "../core/system.ts";
import { Asker } from "./asker.ts";
import type { ModelPart } from "./call.ts";
import { contextModel } from "./generate.ts";
import { outputFormat } from "./output.ts";
import { priceOf } from "./prices.ts";
import type { OutputFormat } from "./output.ts";
import { Models, nameIn } from "./resolve.ts";
import type { ModelLoader } from "./resolve.ts";
import { KnownSecrets } from "./known-secrets.ts";
import { learnOwnKeys } from "./own-keys.ts";
import { Secrets } from "./secrets.ts";
import { thinkAbout } from "./think.ts";
import { contextTools, toolSet } from "./tool-set.ts";
import { readyTools } from "./tool.ts";
import type { ReadyTool } from "./tool.ts";

export interface ThinkerOptions {
  /** Prices for all agents, which count before those of the table. */
  readonly prices?: Prices | undefined;
  /** Told each part of an answer as it comes; of a step that is replayed nothing comes. */
  readonly onPart?: ((ctx: Context, part: ModelPart) => void) | undefined;
  /** Secrets that are taken out of what tools give and models say. Default: those that the agents of it were given. */
  readonly known?: KnownSecrets | undefined;
  readonly load?: ModelLoader | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** What a mind is made with. */
export interface MindOptions extends ThinkerOptions {
  /** That of the definition. */
  readonly budget?: Budget | undefined;
}

/** Lets the agents of a runtime use models and tools. */
export function modelThinker(options: ThinkerOptions = {}): Thinker {
  const { known = new KnownSecrets(), ...rest } = options;
  return (agent, thinking, budget) => new ModelMind(agent, thinking, { ...rest, known, budget });
}

const MAX_STEPS = 20;
const CONTEXT_TOKENS = 32_000;
/** Models beside its own of which the latest are kept. */
const OTHER_MODELS = 8;

/** How the agents of one definition think: its options, checked. */
export class ModelMind implements Mind {
  readonly agent: string;
  readonly thinking: Thinking;
  readonly options: ThinkerOptions;
  /** Tokens of a conversation that the model is shown. */
  readonly tokens: number;
  readonly maxSteps: number;
  readonly output: OutputFormat | undefined;
  readonly tools: ReadonlyMap<string, ReadyTool>;
  /** Those that its ticks were answered by. */
  readonly models: Models;
  /** Secrets that are taken out of texts, in all ticks. */
  readonly known: KnownSecrets;

  /**
   * @throws CONFIG for a model that is none or that its budget does not let it ask, and for tools or an output that are
   *   wrong, with the name of the agent type
   */
  constructor(agent: string, thinking: Thinking, options: MindOptions) {
    const { maxSteps = MAX_STEPS, contextTokens = CONTEXT_TOKENS } = thinking;
    this.agent = agent;
    this.thinking = thinking;
    this.options = options;
    this.tokens = contextTokens;
    this.maxSteps = maxSteps;
    this.known = options.known ?? new KnownSecrets();
    const { model, fallbacks = [], output, tools = {} } = thinking;
    const own = model === undefined ? fallbacks : [model, ...fallbacks];
    try {
      for (const one of own) this.#check(one, options.budget);
      learnOwnKeys(this.known, own);
      this.models = new Models(own.length + OTHER_MODELS);
      this.output = output && outputFormat(output);
      this.tools = readyTools(tools);
    } catch (error) {
      if (agent === "") throw error;
      const problem = (error as Error).message;
      throw new OpenAgentsError("CONFIG", `Cannot define agent "${agent}": ${problem}`, {
        cause: error,
      });
    }
  }

  /** @throws CONFIG */
  #check(reference: ModelReference, budget: Budget | undefined): void {
    const name = nameIn(reference);
    if (name === undefined || budget?.perDay.usd === undefined) return;
    const prices = { ...this.options.prices, ...this.thinking.prices };
    if (priceOf(name, prices) !== undefined) return;
    // No call of it would ever be begun.
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot use model "${name.provider}/${name.modelId}": money has a budget, and its price is not known: give it in "think.prices"`,
    );
  }

  /** @param secrets absent for a hook that was given none: packages of providers look for keys by themselves then */
  begin(ctx: Context, secrets?: SecretSource): ModelThought {
    return new ModelThought(this, ctx, secrets);
  }
}

/** What an agent has to think with in one tick. Models are looked up when one is needed, as a key may have changed. */
export class ModelThought implements Thought {
  readonly mind: ModelMind;
  readonly ctx: Context;
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly model: ContextModel;
  readonly tools: ContextTools;
  #models: Promise<readonly LanguageModelV4[]> | undefined;
  #toolSet: Promise<ReadonlyMap<string, ReadyTool>> | undefined;

  constructor(mind: ModelMind, ctx: Context, source: SecretSource | undefined) {
    this.mind = mind;
    this.ctx = ctx;
    this.clock = mind.options.clock ?? systemClock;
    const declared = [...mind.tools.values()].flatMap(({ tool }) => tool.secrets ?? []);
    this.secrets = new Secrets(source, mind.known, declared);
    this.model = contextModel(this);
    this.tools = contextTools(this);
  }

  /** Half of the context, as tokens are counted. */
  get outputBytes(): number {
    return this.mind.tokens * 2;
  }

  think(): Promise<void> {
    return thinkAbout(this);
  }

  /** All that the agent may use in this tick. */
  toolSet(): Promise<ReadonlyMap<string, ReadyTool>> {
    return (this.#toolSet ??= toolSet(this.ctx, this.mind.tools));
  }

  /** Asks the agent's own models, or another one. */
  asker(other?: ModelReference): Asker {
    const { limits, prices } = this.mind.thinking;
    const { clock, random, onPart, prices: ofHome } = this.mind.options;
    return new Asker({
      ctx: this.ctx,
      secrets: this.secrets,
      models: other === undefined ? () => this.#own() : () => this.#resolved([other]),
      limits,
      prices: { ...ofHome, ...prices },
      clock,
      random,
      onPart: onPart && ((part) => onPart(this.ctx, part)),
    });
  }

  #own(): Promise<readonly LanguageModelV4[]> {
    const { model, fallbacks = [] } = this.mind.thinking;
    if (model === undefined) {
      throw new TerminalError(
        `Cannot think as "${this.mind.agent}": it has no model: give "model" to defineAgent()`,
        { code: "CONFIG" },
      );
    }
    return (this.#models ??= this.#resolved([model, ...fallbacks]));
  }

  #resolved(models: readonly ModelReference[]): Promise<readonly LanguageModelV4[]> {
    const { load } = this.mind.options;
    const options = { load, secrets: this.secrets.source };
    return Promise.all(models.map((one) => this.mind.models.resolve(one, options)));
  }
}
