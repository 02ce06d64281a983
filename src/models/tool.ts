import type { LanguageModelV4FunctionTool } from "@ai-sdk/provider";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { StandardSchema } from "../core/standard-schema.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Tools by the names that the model calls them by. */
export type Tools = Readonly<Record<string, Tool>>;

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
  /** It changes nothing. Such calls run beside each other. Default false. */
  readonly readOnly?: boolean | undefined;
  /** Its calls may run beside others. Default: as `readOnly`. */
  readonly parallel?: boolean | undefined;
  /** What kind of deed it is, and how much harm it can do, for whoever decides on that. */
  readonly category?: string | undefined;
  readonly risk?: "low" | "medium" | "high" | undefined;
  /** Bytes of what the model is told of a result; the rest is cut. Default 65,536. */
  readonly outputBytes?: number | undefined;
  /** How long a call may take. Default: as long as the tick. */
  readonly timeout?: Duration | undefined;
  /** Names of the secrets that it may ask for. Default: none. */
  readonly secrets?: readonly string[] | undefined;
}

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

/** A tool as it is, with the type of its input taken from its schema. */
export function defineTool<Input = never>(tool: TypedTool<Input>): Tool {
  return tool;
}

/** A tool, checked. */
export interface ReadyTool {
  readonly name: string;
  readonly tool: Tool;
  readonly jsonSchema: JsonSchema;
  /** Absent where there is JSON Schema alone. */
  readonly standard: StandardSchema | undefined;
  readonly isParallel: boolean;
}

const NOTHING: JsonSchema = { type: "object", properties: {}, additionalProperties: false };

/** Checks tools, and makes JSON Schema of what they take. @throws CONFIG saying which is wrong, and how */
export function readyTools(tools: Tools): ReadonlyMap<string, ReadyTool> {
  return new Map(Object.entries(tools).map(([name, tool]) => [name, readyTool(name, tool)]));
}

/** What a model is told of a tool. */
export function toolForModel({ name, tool, jsonSchema }: ReadyTool): LanguageModelV4FunctionTool {
  const { description } = tool;
  return {
    type: "function",
    name,
    ...(typeof description === "string" && { description }),
    inputSchema: jsonSchema as LanguageModelV4FunctionTool["inputSchema"],
  };
}

function readyTool(name: string, tool: Tool): ReadyTool {
  const refuse = (problem: string): OpenAgentsError =>
    new OpenAgentsError("CONFIG", `Cannot use tool "${name}": ${problem}`);
  // What all providers take.
  if (!/^[a-zA-Z_][\w-]{0,63}$/.test(name)) {
    throw refuse('its name must be 1 to 64 letters, digits, "_" or "-", and begin with a letter');
  }
  if ((typeof tool.execute === "function") === (typeof tool.perform === "function")) {
    throw refuse('it must have one of "execute" and "perform"');
  }
  if ((tool as { readonly needsApproval?: unknown }).needsApproval) {
    throw refuse('nobody can be asked for "needsApproval" here');
  }
  const given = tool.inputSchema ?? tool.parameters ?? NOTHING;
  const schema: unknown = typeof given === "function" && !("~standard" in given) ? given() : given;
  const standard = isStandard(schema) ? schema : undefined;
  const jsonSchema = jsonSchemaOf(schema);
  if (jsonSchema === undefined) {
    throw refuse(
      "its schema cannot be made JSON Schema: give JSON Schema, or use a library that can, such as zod 4.2",
    );
  }
  if (jsonSchema["type"] !== "object") throw refuse("what it takes must be an object");
  return { name, tool, jsonSchema, standard, isParallel: tool.parallel ?? tool.readOnly ?? false };
}

function jsonSchemaOf(schema: unknown): JsonSchema | undefined {
  if (typeof schema !== "object" && typeof schema !== "function") return undefined;
  // Standard JSON Schema (https://standardschema.dev/json-schema).
  const standard = (schema as { readonly "~standard"?: Readonly<Record<string, unknown>> })[
    "~standard"
  ];
  if (standard !== undefined) {
    const { jsonSchema } = standard as {
      readonly jsonSchema?: { input?(options: { target: string }): JsonSchema };
    };
    return jsonSchema?.input?.({ target: "draft-07" });
  }
  // What `jsonSchema(…)` of the AI SDK gives.
  const { jsonSchema } = schema as { readonly jsonSchema?: unknown };
  return (typeof jsonSchema === "object" ? jsonSchema : schema) as JsonSchema;
}

function isStandard(schema: unknown): schema is StandardSchema {
  return (
    (typeof schema === "object" || typeof schema === "function") &&
    schema !== null &&
    "~standard" in schema
  );
}
