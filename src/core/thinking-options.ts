import type { OptionsCheck } from "./options.ts";
import type {
  CallLimits,
  ModelCallSettings,
  ModelReference,
  ModelSettings,
  Price,
  Rates,
  Thinking,
  ThinkSettings,
} from "./ports/model.ts";

/**
 * Checks what is said of how an agent thinks; names and schemas of tools are for the thinker. `at` stands before the
 * names of settings, such as `"think."`. @throws CONFIG
 */
export function checkThinking(check: OptionsCheck, thinking: Thinking, at: string): void {
  const { model, fallbacks, instructions, tools, ...settings } = thinking;
  if (model !== undefined) checkModel(check, "model", model);
  if (fallbacks !== undefined) {
    const all: unknown = fallbacks;
    if (!Array.isArray(all)) check.refuse('"fallbacks" must be a list of models');
    fallbacks.forEach((one, i) => checkModel(check, `fallbacks[${i}]`, one));
  }
  if (instructions !== undefined && typeof instructions !== "string") {
    check.callable("instructions", instructions);
  }
  if (tools !== undefined) {
    const all: unknown = tools;
    if (typeof all !== "object" || all === null || Array.isArray(all)) {
      check.refuse('"tools" must be an object: tools by name');
    }
  }
  checkSettings(check, settings, at);
}

function checkSettings(check: OptionsCheck, settings: ThinkSettings, at: string): void {
  const { conversation, contextTokens, maxSteps, output, request, limits, prices } = settings;
  const flags = { summarise: settings.summarise, memory: settings.memory };
  if (contextTokens !== undefined) check.whole(`${at}contextTokens`, contextTokens, 1);
  if (maxSteps !== undefined) check.whole(`${at}maxSteps`, maxSteps, 1);
  for (const [flag, value] of Object.entries<unknown>(flags)) {
    if (value === undefined || typeof value === "boolean") continue;
    check.refuse(`"${at}${flag}" must be true or false`);
  }
  check.callable(`${at}conversation`, conversation);
  check.schema(`${at}output`, output);
  if (request !== undefined) check.members(request, REQUEST_KEYS, `${at}request`);
  if (limits !== undefined) checkLimits(check, limits, `${at}limits`);
  if (prices !== undefined) checkPrices(check, prices, `${at}prices`);
}

function checkModel(check: OptionsCheck, where: string, model: ModelReference): void {
  const given: unknown = model;
  if (typeof given === "string") return;
  if (typeof given !== "object" || given === null) {
    check.refuse(
      `"${where}" must be a name such as "openai/gpt-5", an object with one as "model", or a model of the AI SDK`,
    );
  }
  if (!("doStream" in given)) {
    const settings = check.members(given as ModelSettings, MODEL_KEYS, where);
    if (typeof settings.model === "string") return;
    check.refuse(`"${where}.model" must be a name such as "openai/gpt-5"`);
  }
  const { specificationVersion: said = "nothing" } = given as { specificationVersion?: unknown };
  if (said === "v4") return;
  check.refuse(
    `"${where}" must be a model of the AI SDK of specification "v4", and says "${String(said)}": install a newer version of its package`,
  );
}

function checkLimits(check: OptionsCheck, given: Partial<CallLimits>, where: string): void {
  const limits = check.members(given, LIMIT_KEYS, where);
  for (const [key, value] of Object.entries(limits)) {
    if (key === "retries") check.whole(`${where}.${key}`, value, 0);
    else if (key === "answerSize") check.whole(`${where}.${key}`, value, 1);
    else check.duration(`${where}.${key}`, value);
  }
}

function checkPrices(check: OptionsCheck, prices: unknown, where: string): void {
  if (typeof prices !== "object" || prices === null || Array.isArray(prices)) {
    check.refuse(`"${where}" must be an object: prices by model`);
  }
  for (const [name, given] of Object.entries(prices as Readonly<Record<string, Price>>)) {
    const at = `${where}.${name}`;
    const { tiers = [], ...rates } = check.members(given, [...RATE_KEYS, "tiers"], at);
    checkRates(check, rates, at);
    for (const { above, ...dearer } of tiers) {
      check.whole(`${at}.tiers.above`, above, 0);
      checkRates(check, dearer, `${at}.tiers`);
    }
  }
}

function checkRates(check: OptionsCheck, rates: Rates, where: string): void {
  for (const key of RATE_KEYS) check.whole(`${where}.${key}`, rates[key], 0);
}

export const THINK_KEYS: readonly (keyof ThinkSettings)[] = [
  "conversation",
  "contextTokens",
  "summarise",
  "memory",
  "maxSteps",
  "request",
  "limits",
  "prices",
  "output",
];

const MODEL_KEYS = [
  "model",
  "baseURL",
  "apiKey",
  "headers",
  "fetch",
] as const satisfies readonly (keyof ModelSettings)[];

const REQUEST_KEYS = [
  "maxOutputTokens",
  "temperature",
  "topP",
  "topK",
  "presencePenalty",
  "frequencyPenalty",
  "stopSequences",
  "seed",
  "reasoning",
  "providerOptions",
  "headers",
] as const satisfies readonly (keyof ModelCallSettings)[];

const LIMIT_KEYS = [
  "retries",
  "backoff",
  "maxBackoff",
  "maxWait",
  "timeout",
  "stall",
  "answerSize",
] as const satisfies readonly (keyof CallLimits)[];

const RATE_KEYS = [
  "input",
  "output",
  "cacheRead",
  "cacheWrite",
] as const satisfies readonly (keyof Rates)[];
