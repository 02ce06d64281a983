import type { LanguageModelV4 } from "@ai-sdk/provider";
import { addUse } from "../core/budget.ts";
import type { Amount, StepUse } from "../core/budget.ts";
import type { Context, StepPart, StepTools } from "../core/context.ts";
import { TerminalError, UnblamedError } from "../core/errors.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { CallLimits, Prices, Usage } from "../core/ports/model.ts";
import { callModel, nameOf } from "./call.ts";
import { mostTokens } from "./most-tokens.ts";
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

export interface AskOptions {
  /** It is nothing for those who follow the agent: none of it is told as it comes. */
  readonly isQuiet?: boolean;
}

/** Tokens of an answer where money or tokens have a budget and the request does not say. */
const OUTPUT_TOKENS = 8_192;
/** Where less is left of a budget answers are made shorter, but not shorter than this. */
const LEAST_TOKENS = 256;

/** An answer, and what it cost with the tries that were lost: micro-USD, absent where one price is not known. */
interface Priced extends ModelResult {
  readonly usd?: number;
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
   * Where less is left than it could cost, its answer may be less long: 256 tokens at least.
   * @throws BUDGET when it could cost more than is left all the same; CONFIG (terminal) for a model without a price where money
   *   has a budget; what `callModel` throws
   */
  async ask(
    name: string,
    request: () => Promise<ModelRequest>,
    { isQuiet = false }: AskOptions = {},
  ): Promise<ModelResult> {
    const { ctx, models, limits, clock, random, onPart, secrets } = this.#options;
    let made: ModelRequest | undefined;
    const worst = async (): Promise<Amount> => {
      const before = await ctx.budget.left();
      if (before.usd === undefined && before.tokens === undefined) return {};
      const { maxOutputTokens: asked = OUTPUT_TOKENS, ...rest } = await request();
      const all = await models();
      const left = await ctx.budget.left();
      const cost = this.#costs(all, rest, left);
      const maxOutputTokens = lengthWithin(left, cost, asked);
      made = { ...rest, maxOutputTokens };
      if (maxOutputTokens < asked) {
        const text = `The answer may have ${maxOutputTokens} tokens, as that is left of the budget`;
        ctx.log.info(text, { step: name });
      }
      return cost(maxOutputTokens);
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
        mayTry: async () => checkAgain(spent, await ctx.budget.left()),
        onPart: (part) => {
          const piece = isQuiet ? undefined : pieceOf(part);
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
    const answer = await ctx.step(name, work, { worst }).catch((error: unknown) => {
      throw asBudget(error);
    });
    const { usage, lost, usd } = answer;
    this.#usage = addUsage(addUsage(this.#usage, usage), lost);
    this.#cost = usd === undefined || this.#cost === undefined ? undefined : this.#cost + usd;
    return answer;
  }

  #useOf({ usage, model, estimated }: LostTry): StepUse {
    const price = priceOf(model, this.#options.prices);
    return {
      tokens: usage.input + usage.output,
      ...(price !== undefined && { usd: costOf(usage, price) }),
      by: nameOf(model),
      kinds: { ...usage },
      ...(estimated === true && { estimated }),
    };
  }

  /** What a call may cost at most by the tokens of its answer, whichever of the models gives it. */
  #costs(models: readonly LanguageModelV4[], request: ModelRequest, left: Amount): Costs {
    const input = mostTokens(request);
    if (left.usd === undefined) return (output) => ({ tokens: input + output });
    const prices = models.map((model) => {
      const price = priceOf(model, this.#options.prices);
      if (price !== undefined) return price;
      throw new TerminalError(
        `Cannot call model "${nameOf(model)}": money has a budget, and its price is not known: give it in "think.prices"`,
        { code: "CONFIG" },
      );
    });
    return (output) => {
      // Nothing is taken to come from a cache, and all that may be written to one to be.
      const dear = { ...NO_USAGE, input, output };
      const written = { ...dear, cacheWrite: input };
      const costs = prices.map((price) => Math.max(costOf(dear, price), costOf(written, price)));
      return { tokens: input + output, usd: Math.max(...costs) };
    };
  }
}

/** What a call costs with an answer of so many tokens. */
type Costs = (output: number) => Amount;

/** The most tokens up to `asked` with which a call costs no more than is left; where there are none, the fewest. */
function lengthWithin(left: Amount, cost: Costs, asked: number): number {
  const fits = (output: number): boolean => {
    const { usd = 0, tokens = 0 } = cost(output);
    return usd <= (left.usd ?? Infinity) && tokens <= (left.tokens ?? Infinity);
  };
  const least = Math.min(asked, LEAST_TOKENS);
  if (fits(asked)) return asked;
  if (!fits(least)) return least;
  let fitting = least;
  for (let above = asked; above - fitting > 1;) {
    const middle = Math.floor((fitting + above) / 2);
    if (fits(middle)) fitting = middle;
    else above = middle;
  }
  return fitting;
}

/** What the budget forbids, with what can be done about it beside what it says itself. */
function asBudget(error: unknown): unknown {
  if (!(error instanceof UnblamedError) || error.code !== "BUDGET") return error;
  return new UnblamedError(
    `${error.message}; a shorter prompt costs less, and so does a "think.request.maxOutputTokens" below ${LEAST_TOKENS}`,
    "BUDGET",
  );
}

/**
 * What one more try may cost is set aside since the first one: it may be begun unless those that were lost took of that.
 * @throws BUDGET when it could cost more than is left
 */
function checkAgain(lost: StepUse, left: Amount): void {
  for (const kind of ["usd", "tokens"] as const) {
    if (left[kind] !== 0 || (lost[kind] ?? 0) === 0) continue;
    throw new UnblamedError(
      "Cannot try the model again: with what the tries before cost, another one could cost more than is left of the budget",
      "BUDGET",
    );
  }
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
