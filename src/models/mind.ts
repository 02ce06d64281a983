import type { LanguageModelV4 } from "@ai-sdk/provider";
import type { Context } from "../core/context.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type {
  ContextModel,
  ContextTools,
  Mind,
  ModelReference,
  Prices,
  Thinker,
  Thinking,
} from "../core/ports/model.ts";
import { systemClock } from "../core/system.ts";
import { Asker } from "./asker.ts";
import type { ModelPart } from "./call.ts";
import { contextModel } from "./generate.ts";
import { outputFormat } from "./output.ts";
import type { OutputFormat } from "./output.ts";
import { resolveModel } from "./resolve.ts";
import type { ModelLoader } from "./resolve.ts";
import { Secrets } from "./secrets.ts";
import type { SecretStore } from "./secrets.ts";
import { thinkAbout } from "./think.ts";
import { contextTools, toolSet } from "./tool-set.ts";
import { readyTools } from "./tool.ts";
import type { ReadyTool } from "./tool.ts";

export interface ThinkerOptions {
  /** Where tools' secrets come from. Default: there are none. */
  readonly secrets?: SecretStore | undefined;
  /** Prices for all agents, which count before those of the table. */
  readonly prices?: Prices | undefined;
  /** Told each part of an answer as it comes; of a step that is replayed nothing comes. */
  readonly onPart?: ((ctx: Context, part: ModelPart) => void) | undefined;
  readonly load?: ModelLoader | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** Lets the agents of a runtime use models and tools. */
export function modelThinker(options: ThinkerOptions = {}): Thinker {
  return (agent, thinking) => new ModelMind(agent, thinking, options);
}

const MAX_STEPS = 20;
const CONTEXT_TOKENS = 32_000;

/** How the agents of one definition think: its options, checked, and models that are made when one is needed. */
export class ModelMind implements Mind {
  readonly thinking: Thinking;
  readonly tokens: number;
  readonly maxSteps: number;
  readonly output: OutputFormat | undefined;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly #agent: string;
  readonly #own: ReadonlyMap<string, ReadyTool>;
  readonly #options: ThinkerOptions;
  #models: Promise<readonly LanguageModelV4[]> | undefined;

  /** @throws CONFIG for options or tools that are wrong */
  constructor(agent: string, thinking: Thinking, options: ThinkerOptions) {
    const { maxSteps = MAX_STEPS, contextTokens = CONTEXT_TOKENS } = thinking;
    this.#agent = agent;
    this.thinking = thinking;
    this.tokens = checkWhole("contextTokens", contextTokens);
    this.maxSteps = checkWhole("maxSteps", maxSteps);
    this.output = thinking.output && outputFormat(thinking.output);
    this.secrets = new Secrets(options.secrets);
    this.clock = options.clock ?? systemClock;
    this.#own = readyTools(thinking.tools ?? {});
    this.#options = options;
  }

  /** Half of the context, as tokens are counted. */
  get outputBytes(): number {
    return this.tokens * 2;
  }

  think(ctx: Context): Promise<void> {
    return thinkAbout(this, ctx);
  }

  model(ctx: Context): ContextModel {
    const { secrets, clock, outputBytes, maxSteps } = this;
    return contextModel({
      ctx,
      secrets,
      clock,
      outputBytes,
      maxSteps,
      asker: (model) => this.asker(ctx, model),
      tools: () => this.toolSet(ctx),
    });
  }

  tools(ctx: Context): ContextTools {
    return contextTools(ctx, { own: this.#own, secrets: this.secrets, clock: this.clock });
  }

  toolSet(ctx: Context): Promise<ReadonlyMap<string, ReadyTool>> {
    return toolSet(ctx, this.#own);
  }

  /** Asks the agent's own models, or another one. */
  asker(ctx: Context, other?: ModelReference): Asker {
    const { limits, prices } = this.thinking;
    const { clock, random, onPart } = this.#options;
    return new Asker({
      ctx,
      models:
        other === undefined
          ? () => this.#ownModels()
          : async () => [await resolveModel(other, this.#options.load)],
      limits,
      prices: { ...this.#options.prices, ...prices },
      clock,
      random,
      onPart: onPart && ((part) => onPart(ctx, part)),
    });
  }

  #ownModels(): Promise<readonly LanguageModelV4[]> {
    const { model, fallbacks = [] } = this.thinking;
    if (model === undefined) {
      throw new OpenAgentsError(
        "CONFIG",
        `Cannot think as "${this.#agent}": it has no model: give "model" to defineAgent()`,
      );
    }
    const { load } = this.#options;
    this.#models ??= Promise.all([model, ...fallbacks].map((one) => resolveModel(one, load)));
    // A package may be there the next time.
    this.#models.catch(() => (this.#models = undefined));
    return this.#models;
  }
}

function checkWhole(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new OpenAgentsError("CONFIG", `Cannot think: "${name}" must be a whole number from 1 on`);
}
