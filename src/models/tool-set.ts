import type { Context } from "../core/context.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { errnoOf } from "../core/file-error.ts";
import { toJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import type { ContextTools, JsonSchema, ToolInfo } from "../core/ports/model.ts";
import { messageOf } from "./message-of.ts";
import type { ModelThought } from "./mind.ts";
import { inputOf, runTools } from "./run-tool.ts";
import type { ReadyTool } from "./tool.ts";

/** A tool as a mount below `/tools/` describes it, in its file `tools.json`. */
interface MountedTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: JsonSchema;
  readonly annotations?: { readonly readOnlyHint?: boolean };
}

/** Where tools are mounted. */
const ROOT = "/tools";
/** What all providers take as a name. */
const NAME = /^[a-zA-Z_][\w-]{0,63}$/;

/**
 * All that an agent can use: the tools of its definition before those that are mounted for it, each known as
 * `MOUNT__TOOL`. A mount that cannot be read now has none, and the log says so.
 */
export async function toolSet(
  ctx: Context,
  own: ReadonlyMap<string, ReadyTool>,
): Promise<ReadonlyMap<string, ReadyTool>> {
  const mounts = await mountsOf(ctx);
  if (mounts.length === 0) return own;
  const all = new Map(own);
  for (const mount of mounts) {
    for (const ready of await toolsOf(ctx, mount)) {
      if (all.has(ready.name))
        ctx.log.warn(`There are two tools "${ready.name}": the first counts`);
      else all.set(ready.name, ready);
    }
  }
  return all;
}

/** The agent's tools, for hooks that use them by themselves. */
export function contextTools(thought: ModelThought): ContextTools {
  return {
    async list() {
      return [...(await thought.toolSet()).values()].map(infoOf);
    },
    async call(name, input = {}) {
      const tools = await thought.toolSet();
      if (!tools.has(name)) {
        throw new OpenAgentsError(
          "NOT_FOUND",
          `Cannot call tool "${name}": there are: ${[...tools.keys()].join(", ") || "none"}`,
        );
      }
      const call = { id: name, name, input: toJson(input, `input of tool "${name}"`) };
      await inputOf(call, tools.get(name)!);
      const { ctx, secrets, clock } = thought;
      const outputBytes = Number.MAX_SAFE_INTEGER;
      const [result] = await runTools([call], { ctx, tools, secrets, clock, outputBytes });
      const { output } = result!;
      const value = "value" in output ? (output.value as Json) : null;
      if (output.type !== "error-text" && output.type !== "error-json") return value;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      throw new OpenAgentsError("FAILED", `Cannot call tool "${name}": ${text}`);
    },
  };
}

function infoOf({ name, tool, jsonSchema }: ReadyTool): ToolInfo {
  const { description, category, risk, readOnly = false } = tool;
  return {
    name,
    ...(typeof description === "string" && { description }),
    inputSchema: jsonSchema,
    ...(category !== undefined && { category }),
    ...(risk !== undefined && { risk }),
    readOnly,
  };
}

/** Names of the mounts right below `/tools/`, out of the agent's table of mounts: a line each. */
async function mountsOf(ctx: Context): Promise<readonly string[]> {
  let table: string;
  try {
    table = await ctx.fs.read("/mounts");
  } catch (error) {
    // A runtime without trees has no mounts either.
    if (error instanceof OpenAgentsError && error.code === "CONFIG") return [];
    throw error;
  }
  return table.split("\n").flatMap((line) => /^\/tools\/([^/\s]+)\s/.exec(line)?.[1] ?? []);
}

async function toolsOf(ctx: Context, mount: string): Promise<readonly ReadyTool[]> {
  let listed: Json;
  try {
    listed = JSON.parse(await ctx.fs.read(`${ROOT}/${mount}/tools.json`)) as Json;
    if (!Array.isArray(listed)) throw new Error("tools.json has no list of them");
  } catch (error) {
    ctx.signal.throwIfAborted();
    // Something else than tools is mounted there.
    if (errnoOf(error) === "ENOENT") return [];
    ctx.log.warn(`The tools of "${mount}" cannot be had now`, { problem: messageOf(error) });
    return [];
  }
  // A mount of another kind may have anything there.
  return (listed as unknown[])
    .filter(isTool)
    .map((tool) => mountedTool(mount, tool))
    .filter(({ name }) => NAME.test(name));
}

function isTool(given: unknown): given is MountedTool {
  const { name, description, inputSchema } = (given ?? {}) as Readonly<Record<string, unknown>>;
  return (
    typeof name === "string" &&
    (description === undefined || typeof description === "string") &&
    (inputSchema === undefined || (typeof inputSchema === "object" && inputSchema !== null))
  );
}

function mountedTool(
  mount: string,
  { name, description, inputSchema, annotations }: MountedTool,
): ReadyTool {
  const readOnly = annotations?.readOnlyHint === true;
  return {
    name: `${mount}__${name}`.replaceAll(/[^\w-]/g, "_").slice(0, 64),
    tool: {
      description,
      readOnly,
      // The exchange is the step.
      perform: (input: Json, ctx) =>
        ctx.fs.exchange(`${ROOT}/${mount}/${name}`, JSON.stringify(input)),
    },
    jsonSchema: inputSchema ?? { type: "object" },
    standard: undefined,
    isParallel: readOnly,
    isMounted: true,
  };
}
