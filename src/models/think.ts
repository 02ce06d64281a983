import type { LanguageModelV4 } from "@ai-sdk/provider";
import { isNpub } from "../core/agent.ts";
import type { Context } from "../core/context.ts";
import type { Trigger } from "../core/envelope.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Message } from "../core/ports/memory.ts";
import type { Clock, Random } from "../core/ports/index.ts";
import type { State } from "../core/state.ts";
import { systemClock } from "../core/system.ts";
import { callModel, nameOf } from "./call.ts";
import type { CallLimits, ModelPart, ModelRequest, ModelResult } from "./call.ts";
import { costOf, priceOf } from "./prices.ts";
import type { Prices } from "./prices.ts";
import { contentOf, promptOf } from "./prompt.ts";
import { resolveModel } from "./resolve.ts";
import type { ModelLoader, ModelReference } from "./resolve.ts";
import { runTools, tokensOf } from "./run-tool.ts";
import { Secrets } from "./secrets.ts";
import type { SecretStore } from "./secrets.ts";
import { summariseOlder } from "./summaries.ts";
import { readyTools, toolForModel } from "./tool.ts";
import type { Tools } from "./tool.ts";
import { addUsage, NO_USAGE } from "./usage.ts";
import type { Usage } from "./usage.ts";

export interface ThinkOptions<S extends State = State> {
  /** A model of the AI SDK, or its name: see `resolveModel`. */
  readonly model: ModelReference;
  /** Asked in turn when the one before cannot answer. */
  readonly fallbacks?: readonly ModelReference[];
  /** The system prompt. */
  readonly instructions?:
    | string
    | ((ctx: Context<S>, trigger: Trigger) => string | Promise<string>);
  readonly tools?: Tools;
  /** The id of the conversation that a trigger belongs to. Default: whom it is from. */
  readonly conversation?: (trigger: Trigger) => string;
  /** Tokens of the conversation that the model is shown. Default 32,000. */
  readonly contextTokens?: number;
  /** Have the model sum up what no longer fits. Default true. */
  readonly summarise?: boolean;
  /** Calls of the model in one tick, but for those that sum up. Default 20. */
  readonly maxSteps?: number;
  /** What else goes with each call: temperature, reasoning, maxOutputTokens, providerOptions … */
  readonly request?: Omit<Partial<ModelRequest>, "prompt" | "tools">;
  readonly limits?: Partial<CallLimits>;
  /** Prices that count before those of the table. */
  readonly prices?: Prices;
  /** Where tools' secrets come from. Default: there are none. */
  readonly secrets?: SecretStore;
  /** Told each part of an answer as it comes; of a step that is replayed nothing comes. */
  readonly onPart?: (ctx: Context<S>, part: ModelPart) => void;
  readonly load?: ModelLoader;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What an agent has spent on models, as it is kept at `/memory/kv/usage`. */
export interface UsageTotals extends Usage {
  readonly calls: number;
  /** Micro-USD, of the calls whose price is known. */
  readonly cost: number;
  /** Calls whose price is not known. */
  readonly unpriced: number;
}

/** Where in `ctx.memory.kv` the totals are. */
export const USAGE_KEY = "usage";

const MAX_STEPS = 20;
const CONTEXT_TOKENS = 32_000;

/**
 * The loop of a model agent, as a hook: it adds the trigger to its conversation, asks the model, carries out the
 * tools that it calls, and so on until it calls none; what it says then is the reply. Each call of the model
 * (`model`, `summary:N`) and of a tool (`tool:NAME`) is a step, so what ended is neither done nor paid for again
 * after a crash; the conversation and the totals of usage change with the tick's commit.
 *
 * An alarm or an event is answered in the conversation alone, and so is an answer of another agent: else two
 * model agents would never end.
 * @throws CONFIG for options or tools that are wrong
 */
export function think<S extends State = State>(
  options: ThinkOptions<S>,
): (ctx: Context<S>, trigger: Trigger) => Promise<void> {
  checkWhole("maxSteps", options.maxSteps);
  checkWhole("contextTokens", options.contextTokens);
  const tools = readyTools(options.tools ?? {});
  const secrets = new Secrets(options.secrets);
  let found: Promise<readonly LanguageModelV4[]> | undefined;
  const models = (): Promise<readonly LanguageModelV4[]> => {
    const names = [options.model, ...(options.fallbacks ?? [])];
    found ??= Promise.all(names.map((name) => resolveModel(name, { load: options.load })));
    // A package may be there the next time.
    found.catch(() => (found = undefined));
    return found;
  };
  const offered = [...tools.values()].map(toolForModel);

  return async (ctx, trigger) => {
    const { maxSteps = MAX_STEPS, contextTokens = CONTEXT_TOKENS } = options;
    const talk = ctx.memory.conversations.get(conversationOf(trigger, options.conversation));
    const asked = await talk.append({ role: "user", content: textFor(trigger) });
    const { instructions } = options;
    const system =
      typeof instructions === "function" ? await instructions(ctx, trigger) : instructions;
    const run = new Run(ctx, options, models);
    if (options.summarise !== false) {
      await summariseOlder(talk, {
        ctx,
        tokens: contextTokens,
        ask: (upTo, instructions, text) =>
          run.ask(`summary:${upTo}`, () =>
            Promise.resolve({
              prompt: [
                { role: "system", content: instructions },
                { role: "user", content: [{ type: "text", text }] },
              ],
            }),
          ),
      });
    }
    // The model is always shown what it was asked, and what it did last.
    let latest: readonly Message[] = [];
    for (let step = 0; step < maxSteps; step += 1) {
      const answer = await run.ask("model", async () => ({
        ...options.request,
        prompt: promptOf(system, await talk.context({ tokens: contextTokens }), [asked, ...latest]),
        ...(offered.length > 0 && { tools: offered }),
      }));
      const words = contentOf(answer.content);
      const isEmpty = Array.isArray(words) && words.length === 0;
      const said = isEmpty ? [] : [await talk.append({ role: "assistant", content: words })];
      if (answer.toolCalls.length === 0) {
        await run.total();
        return answerTo(ctx, trigger, lastWords(ctx, answer));
      }
      const results = await runTools(answer.toolCalls, {
        ctx,
        tools,
        secrets,
        clock: options.clock ?? systemClock,
        // Half of the context, as tokens are counted.
        outputBytes: contextTokens * 2,
      });
      const content = results as unknown as Json;
      const done = await talk.append({ role: "tool", content, tokens: tokensOf(results) });
      latest = [...said, done];
    }
    const text = `I stopped after ${maxSteps} steps without an end. Write to me again to go on.`;
    ctx.log.warn("The model did not come to an end", { maxSteps });
    await talk.append({ role: "assistant", content: text });
    await run.total();
    return answerTo(ctx, trigger, text);
  };
}

/** The calls of models in one run of the hook, and what they cost. */
class Run<S extends State> {
  readonly #ctx: Context<S>;
  readonly #options: ThinkOptions<S>;
  readonly #models: () => Promise<readonly LanguageModelV4[]>;
  #usage: Usage = NO_USAGE;
  #calls = 0;
  #cost = 0;
  #unpriced = 0;

  constructor(
    ctx: Context<S>,
    options: ThinkOptions<S>,
    models: () => Promise<readonly LanguageModelV4[]>,
  ) {
    this.#ctx = ctx;
    this.#options = options;
    this.#models = models;
  }

  /** One call, as a step; what it took is counted once in this run, also when it is replayed. */
  async ask(name: string, request: () => Promise<ModelRequest>): Promise<ModelResult> {
    const { onPart, limits, clock, random, prices } = this.#options;
    const answer = await this.#ctx.step(name, async ({ signal }) => {
      const [model, ...fallbacks] = await this.#models();
      return callModel(await request(), {
        model: model!,
        fallbacks,
        signal,
        limits,
        clock,
        random,
        onPart: onPart && ((part) => onPart(this.#ctx, part)),
      });
    });
    const { usage, model, tries, warnings } = answer;
    const price = priceOf(model, prices);
    const cost = price && costOf(usage, price);
    this.#usage = addUsage(this.#usage, usage);
    this.#calls += 1;
    this.#cost += cost ?? 0;
    this.#unpriced += cost === undefined ? 1 : 0;
    this.#ctx.log.info(name, {
      model: nameOf(model),
      ...usage,
      ...(cost !== undefined && { cost }),
      ...(tries > 1 && { tries }),
      ...(warnings.length > 0 && { warnings }),
    });
    return answer;
  }

  /** Adds what this run took to the agent's totals, which change with the tick or not at all. */
  async total(): Promise<void> {
    const { kv } = this.#ctx.memory;
    const before = totalsOf(await kv.get(USAGE_KEY));
    const totals = {
      ...addUsage(before, this.#usage),
      calls: before.calls + this.#calls,
      cost: before.cost + this.#cost,
      unpriced: before.unpriced + this.#unpriced,
    } satisfies UsageTotals;
    await kv.set(USAGE_KEY, totals);
  }
}

/** Whoever edits the file may have left something else there: that counts as nothing. */
function totalsOf(kept: Json | undefined): UsageTotals {
  const given = (kept ?? {}) as Readonly<Record<string, unknown>>;
  const whole = (key: keyof UsageTotals): number => {
    const value = given[key];
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  };
  return {
    calls: whole("calls"),
    input: whole("input"),
    output: whole("output"),
    cacheRead: whole("cacheRead"),
    cacheWrite: whole("cacheWrite"),
    reasoning: whole("reasoning"),
    cost: whole("cost"),
    unpriced: whole("unpriced"),
  };
}

/** An id that a conversation can have. */
function conversationOf(trigger: Trigger, choose: ThinkOptions["conversation"]): string {
  const id = choose?.(trigger) ?? trigger.from;
  const safe = id
    .replaceAll(/[/\p{Cc}]/gu, "_")
    .slice(0, 200)
    .toWellFormed();
  return safe === "" || safe === "." || safe === ".." ? "_" : safe;
}

/** What the model is told of a trigger. */
function textFor({ type, text }: Trigger): string {
  return type === "message" ? text : `[${type}] ${text}`;
}

function lastWords(ctx: Pick<Context, "log">, { text, finish }: ModelResult): string {
  if (finish === "length") ctx.log.warn("The model's answer was cut off: it was too long");
  if (text !== "") return text;
  return finish === "content-filter"
    ? "The provider of the model withheld its answer."
    : "The model had nothing to say.";
}

async function answerTo<S extends State>(
  ctx: Context<S>,
  trigger: Trigger,
  text: string,
): Promise<void> {
  const { type, from, replyTo, expectsReply } = trigger;
  const isAnswer = replyTo !== undefined && isNpub(from);
  const wants = type === "message" || type === "mention" || type === "manual";
  if (expectsReply || (wants && !isAnswer)) await ctx.reply(text);
}

function checkWhole(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
  throw new OpenAgentsError("CONFIG", `Cannot think: "${name}" must be a whole number from 1 on`);
}
