export { defineAgent } from "./core/definition.ts";
export { defineRuntime } from "./core/runtime-definition.ts";
export type {
  AgentDefinition,
  AgentOptions,
  Alarm,
  Hooks,
  Message,
  RetryPolicy,
} from "./core/definition.ts";
export type { Limits, RuntimeDefinition, RuntimeOptions } from "./core/runtime-definition.ts";
export type {
  Child,
  Context,
  ContextFiles,
  ContextIdentity,
  Log,
  PartKind,
  PublicEvent,
  RequestOptions,
  SendOptions,
  SpawnOptions,
  StepPart,
  StepTools,
  When,
} from "./core/context.ts";
export { createRuntime } from "./core/create-runtime.ts";
export type { Amount, Budget, BudgetOptions, Spent, StepUse, Total } from "./core/budget.ts";
export type { RuntimePorts } from "./core/runtime-ports.ts";
export type * from "./core/runtime.ts";
export type * from "./core/plumber-rules.ts";
export type * from "./core/ports/index.ts";
export type { AgentPhase, AgentRecord, AgentStatus } from "./core/agent.ts";
export type { State } from "./core/state.ts";
export type { Duration } from "./core/duration.ts";
export type { EnvelopeType, Trigger, TriggerType } from "./core/envelope.ts";
export type { HmacOptions, HookDefinition, HookOptions, HookScheme } from "./core/hooks.ts";
export type {
  McpAddress,
  McpCommonOptions,
  McpProgram,
  McpServerDefinition,
  McpServerDefinitions,
  McpServerOptions,
  McpText,
} from "./core/mcp-servers.ts";
export { OpenAgentsError, RetryableError, TerminalError } from "./core/errors.ts";
export type { ErrorCode, ErrorInfo } from "./core/errors.ts";
export { errnoOf, FileError } from "./core/file-error.ts";
export type { Errno } from "./core/file-error.ts";
export { agentMessageOf, agentMessages, extendAgentMessages } from "./core/agent-message.ts";
export type * from "./core/agent-message.ts";
export type { Json } from "./core/json.ts";
export type { StandardSchema } from "./core/standard-schema.ts";
export { ChainChecker } from "./core/trajectory.ts";
export type { LogLine, StepNote, TickOutput, TickRecord, Verdict } from "./core/trajectory.ts";
export { systemClock, systemRandom } from "./core/system.ts";
