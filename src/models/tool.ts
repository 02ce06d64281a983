import type { LanguageModelV4FunctionTool } from "@ai-sdk/provider";
import { toMs } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { JsonSchema, Tool, Tools, TypedTool } from "../core/ports/model.ts";
import type { StandardSchema } from "../core/standard-schema.ts";

export type { Tool, ToolOptions, Tools, TypedTool } from "../core/ports/model.ts";

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
  /** Its schema is of a server that nobody trusts. */
  readonly isMounted?: boolean;
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
  const given: unknown = tool;
  if (typeof given !== "object" || given === null) {
    throw refuse(
      `it must be an object with "execute" or "perform", not ${given === null ? "null" : `a ${typeof given}`}`,
    );
  }
  if ((typeof tool.execute === "function") === (typeof tool.perform === "function")) {
    throw refuse('it must have one of "execute" and "perform"');
  }
  if ((tool as { readonly needsApproval?: unknown }).needsApproval) {
    throw refuse(
      'it says "needsApproval", and there is no asking for approvals yet: leave that out, or do without the tool',
    );
  }
  for (const [member, problem] of Object.entries(problemsOf(tool))) {
    throw refuse(`"${member}" must be ${problem}`);
  }
  const takes = tool.inputSchema ?? tool.parameters ?? NOTHING;
  const schema: unknown = typeof takes === "function" && !("~standard" in takes) ? takes() : takes;
  const standard = isStandard(schema) ? schema : undefined;
  const jsonSchema = schemaOf(schema);
  if (jsonSchema === undefined) {
    throw refuse(
      "its schema cannot be made JSON Schema: give JSON Schema, or use a library that can, such as zod 4.2",
    );
  }
  if (jsonSchema["type"] !== "object") throw refuse("what it takes must be an object");
  return { name, tool, jsonSchema, standard, isParallel: tool.parallel ?? tool.readOnly ?? false };
}

/** What members must be that are something else, by name. */
function problemsOf({ timeout, outputBytes, secrets }: Tool): Readonly<Record<string, string>> {
  const problems: Record<string, string> = {};
  try {
    if (timeout !== undefined) toMs(timeout);
  } catch {
    problems["timeout"] = 'a number of milliseconds, or a text such as "30s"';
  }
  if (outputBytes !== undefined && !(Number.isSafeInteger(outputBytes) && outputBytes >= 1)) {
    problems["outputBytes"] = "a whole number from 1 on";
  }
  const names: unknown = secrets;
  if (
    names !== undefined &&
    !(Array.isArray(names) && names.every((name) => typeof name === "string"))
  ) {
    problems["secrets"] = "a list of names";
  }
  return problems;
}

/** A schema of any kind as JSON Schema; undefined for one that cannot be that. */
export function schemaOf(schema: unknown): JsonSchema | undefined {
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
