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
export type {
  ModelLoader,
  ModelPackage,
  ModelReference,
  ModelSettings,
  ResolveOptions,
} from "./resolve.ts";
export { addUsage, NO_USAGE, usageOf } from "./usage.ts";
export type { Usage } from "./usage.ts";
export { fileTools } from "./file-tools.ts";
export type { FileToolsOptions } from "./file-tools.ts";
export { modelThinker } from "./mind.ts";
export type { ThinkerOptions } from "./mind.ts";
export { memoryTools } from "./memory-tools.ts";
export { think } from "./think-hook.ts";
export type { ThinkOptions } from "./think-hook.ts";
export { defineTool } from "./tool.ts";
export type { Tool, ToolOptions, Tools, TypedTool } from "./tool.ts";
export type { JsonSchema } from "./json-schema.ts";
export { KnownSecrets } from "./known-secrets.ts";
export type { SecretStore } from "./secrets.ts";
