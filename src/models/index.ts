export { boundedFetch } from "./bounded-fetch.ts";
export { callModel, nameOf } from "./call.ts";
export type {
  CallLimits,
  CallOptions,
  LostTry,
  ModelPart,
  ModelRequest,
  ModelResult,
  ModelToolCall,
} from "./call.ts";
export { costOf, priceOf, pricesFromLiteLLM } from "./prices.ts";
export type { LiteLLMPrice, ModelName, Price, Prices, Rates } from "./prices.ts";
export { resolveModel } from "./resolve.ts";
export type { ModelLoader, ModelPackage, ModelReference, ModelSettings } from "./resolve.ts";
export { addUsage, NO_USAGE, usageOf } from "./usage.ts";
export type { Usage } from "./usage.ts";
export { think, USAGE_KEY } from "./think.ts";
export type { ThinkOptions, UsageTotals } from "./think.ts";
export { defineTool } from "./tool.ts";
export type { Tool, ToolOptions, Tools, TypedTool } from "./tool.ts";
export type { JsonSchema } from "./json-schema.ts";
export type { SecretStore } from "./secrets.ts";
