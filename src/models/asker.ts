import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import { addUse, checkLeft } from "../core/budget.ts";
import type { Amount, StepUse } from "../core/budget.ts";
import { byteLength } from "../core/byte-length.ts";
import type { Context, StepPart, StepTools } from "../core/context.ts";
import { TerminalError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { CallLimits, Prices, Usage } from "../core/ports/model.ts";
import { callModel, nameOf } from "./call.ts";
import { CleanTelling, cleanly } from "./clean-answer.ts";
import type { CallOptions, LostTry, ModelPart, ModelRequest, ModelResult } from "./call.ts";
import { costOf, priceOf } from "./prices.ts";
import type { Secrets } from "./secrets.ts";
import { addUsage, NO_USAGE } from "./usage.ts";

/** What models are asked with. */
export interface AskerOptions {
  readonly ctx: Pick<Context, "budget" | "log" | "step">;
  /** Taken out of answers, of what is told of them and of errors. */
  readonly secrets: Secrets;
  /** The model, and those that are asked when it cannot answer. */
  readonly models: () => Promise<readonly LanguageModelV4[]>;
  readonly limits?: Partial<CallLimits> | undefined;
  readonly prices?: Prices | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** Told each part of an answer as it comes; of a step that is replayed nothing comes. */
  readonly onPart?: ((part: ModelPart) => void) | undefined;
}

/** Tokens of an answer where money or tokens have a budget and the request does not say. */
const OUTPUT_TOKENS = 8_192;
/** Bytes of a prompt that are one token at most, as budgets take it: texts have 2 to 4. */
const TOKEN_BYTES = 2;

/** An answer, and what it cost with the tries that were lost: micro-USD, absent where one price is not known. */
interface Priced extends ModelResult {
  readonly usd?: number;
}

/** What a call may cost, and what there was for it when it began. */
interface Limit {
  readonly worst: Amount;
  readonly left: Amount;
}

/** The calls of models in one run of a hook, each a step, and what they took together. */
export class Asker {
  readonly #options: AskerOptions;
  #usage: Usage = NO_USAGE;
  #cost: number | undefined = 0;

  constructor(options: AskerOptions) {
    this.#options = options;
  }

  get usage(): Usage {
    return this.#usage;
  }

  /** Micro-USD; undefined when the price of one call is not known. */
  get cost(): number | undefined {
    return this.#cost;
  }

  /**
   * One call, as a step of this name. The request is made when the step begins, and not where it is replayed. A try
   * that is lost counts too, and there is no other one when that could cost more than is left.
   * @throws BUDGET when it could cost more than is left; CONFIG (terminal) for a model without a price where money
   *   has a budget; what `callModel` throws
   */
  async ask(name: string, request: () => Promise<ModelRequest>): Promise<ModelResult> {
    const { ctx, models, limits, clock, random, onPart, secrets } = this.#options;
    let made: ModelRequest | undefined;
    let limit: Limit | undefined;
    const worst = async (): Promise<Amount> => {
      const left = await ctx.budget.left();
      if (left.usd === undefined && left.tokens === undefined) return {};
      const { maxOutputTokens = OUTPUT_TOKENS, ...rest } = await request();
      made = { ...rest, maxOutputTokens };
      limit = { worst: this.#worst(await models(), made, left), left };
      return limit.worst;
    };
    const work = async ({ signal, used, tell }: StepTools): Promise<Priced> => {
      await secrets.know();
      const telling = new CleanTelling(secrets, tell);
      const [model, ...fallbacks] = await models();
      let usd: number | undefined = 0;
      let spent: StepUse = {};
      const count = (one: LostTry): void => {
        const use = this.#useOf(one);
        used(use);
        usd = usd === undefined || use.usd === undefined ? undefined : usd + use.usd;
        spent = addUse(spent, use);
      };
      const asked = made ?? (await request());
      const options: CallOptions = {
        model: model!,
        fallbacks,
        signal,
        limits,
        clock,
        random,
        clean: (text) => secrets.clean(text),
        onLost: count,
        onPart: (part) => {
          if (part.type === "retry") checkAgain(limit, spent);
          const piece = pieceOf(part);
          if (piece !== undefined) telling.tell(piece);
          onPart?.(part);
        },
      };
      const answer = await cleanly(secrets, () => callModel(asked, options));
      telling.end();
      count(answer);
      const { tries, warnings } = answer;
      if (tries > 1) ctx.log.info(`The model was tried ${tries} times`, { step: name });
      if (warnings.length > 0) ctx.log.warn("The model's provider warns", { step: name, warnings });
      return { ...answer, ...(usd !== undefined && { usd }) };
    };
    const answer = await ctx.step(name, work, { worst });
    const { usage, lost, usd } = answer;
    this.#usage = addUsage(addUsage(this.#usage, usage), lost);
    this.#cost = usd === undefined || this.#cost === undefined ? undefined : this.#cost + usd;
    return answer;
  }

  #useOf({ usage, model }: LostTry): StepUse {
    const price = priceOf(model, this.#options.prices);
    return {
      tokens: usage.input + usage.output,
      ...(price !== undefined && { usd: costOf(usage, price) }),
      by: nameOf(model),
      kinds: { ...usage },
    };
  }

  /** What a call may cost at most, whichever of the models answers. */
  #worst(models: readonly LanguageModelV4[], request: ModelRequest, left: Amount): Amount {
    const { prompt, tools = [], maxOutputTokens: output = OUTPUT_TOKENS } = request;
    const input = Math.ceil((promptBytes(prompt) + promptBytes(tools)) / TOKEN_BYTES);
    if (left.usd === undefined) return { tokens: input + output };
    const costs = models.map((model) => {
      const price = priceOf(model, this.#options.prices);
      if (price === undefined) {
        throw new TerminalError(
          `Cannot call model "${nameOf(model)}": money has a budget, and its price is not known: give it in "think.prices"`,
          { code: "CONFIG" },
        );
      }
      // Nothing is taken to come from a cache, and all that may be written to one to be.
      const dear = { ...NO_USAGE, input, output };
      return Math.max(costOf(dear, price), costOf({ ...dear, cacheWrite: input }, price));
    });
    return { tokens: input + output, usd: Math.max(...costs) };
  }
}

/** @throws BUDGET when one more try could cost more than is left beside those that were lost */
function checkAgain(limit: Limit | undefined, lost: StepUse): void {
  if (limit === undefined) return;
  const { worst, left } = limit;
  checkLeft(addUse(worst, lost), left);
}

function promptBytes(
  given: LanguageModelV4Prompt | NonNullable<LanguageModelV4CallOptions["tools"]>,
): number {
  return byteLength(JSON.stringify(given));
}

/** What of an answer is told as it comes. */
function pieceOf(part: ModelPart): StepPart | undefined {
  switch (part.type) {
    case "text-delta":
      return { kind: "text", text: part.delta };
    case "reasoning-delta":
      return { kind: "reasoning", text: part.delta };
    case "tool-input-delta":
      return { kind: "input", text: part.delta };
    case "retry":
      return { kind: "void", text: part.reason };
    default:
      return undefined;
  }
}
