import type {
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";
import type { Context } from "../core/context.ts";
import { toMs } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Tool } from "../core/ports/model.ts";
import type { Clock } from "../core/ports/index.ts";
import { validate } from "../core/standard-schema.ts";
import type { ModelToolCall } from "./call.ts";
import { problemsOf } from "./json-schema.ts";
import type { Secrets } from "./secrets.ts";
import { errorOutput, givenOutput, outputFor } from "./tool-output.ts";
import type { ReadyTool } from "./tool.ts";

/** What calls of tools are carried out with. */
export interface ToolRun {
  readonly ctx: Context;
  readonly tools: ReadonlyMap<string, ReadyTool>;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** Bytes that all results of one answer have together, at most. */
  readonly outputBytes: number;
}

/** Bytes of a result that the model is told, unless the tool says otherwise. */
const OUTPUT_BYTES = 65_536;
/** Tokens around a result. */
const AROUND = 16;
/** Tokens of a picture or another file, whatever it is. */
const FILE_TOKENS = 1_000;
/** Calls of one answer that are carried out. */
const MOST_CALLS = 128;
/** Characters of a name that there is no tool for. */
const NAME_LENGTH = 64;

/**
 * Carries out the calls of one answer: those of parallel tools that follow each other at once, the others one by
 * one. The results are in the order of the calls, and whatever goes wrong with a call is its result. Of more than 128
 * calls the rest is not carried out.
 * The secrets that any of the tools may have are known before the first is carried out.
 * @throws what the tick was cut off with; LOCKED
 */
export async function runTools(
  calls: readonly ModelToolCall[],
  run: ToolRun,
): Promise<readonly LanguageModelV4ToolResultPart[]> {
  const results: LanguageModelV4ToolResultPart[] = [];
  await run.secrets.know([...run.tools.values()].flatMap(({ tool }) => tool.secrets ?? []));
  const some = calls.slice(0, MOST_CALLS);
  const share = { ...run, outputBytes: Math.floor(run.outputBytes / Math.max(some.length, 1)) };
  for (let at = 0; at < some.length;) {
    const others = some.slice(at).findIndex(({ name }) => run.tools.get(name)?.isParallel !== true);
    const count = others === -1 ? some.length - at : Math.max(others, 1);
    const beside = some.slice(at, at + count);
    results.push(...(await Promise.all(beside.map((call) => runTool(call, share)))));
    at += count;
  }
  const tooMany = new OpenAgentsError(
    "LIMIT",
    `This was not carried out: an answer may have ${MOST_CALLS} calls`,
  );
  for (const { id, name } of calls.slice(MOST_CALLS)) {
    const output = errorOutput(tooMany, run.secrets);
    results.push({ type: "tool-result", toolCallId: id, toolName: name, output });
  }
  return results;
}

/** About how many tokens the results are for a model: one for each 4 bytes that it is told. */
export function tokensOf(results: readonly LanguageModelV4ToolResultPart[]): number {
  const told = results.map(({ output }) => {
    if (output.type !== "content") {
      const value = "value" in output ? output.value : (output.reason ?? "");
      return byteLength(typeof value === "string" ? value : JSON.stringify(value)) / 4;
    }
    return output.value.reduce(
      (sum, part) => sum + (part.type === "text" ? byteLength(part.text) / 4 : FILE_TOKENS),
      0,
    );
  });
  return told.reduce((sum, one) => sum + Math.ceil(one) + AROUND, 0);
}

async function runTool(call: ModelToolCall, run: ToolRun): Promise<LanguageModelV4ToolResultPart> {
  const { id, name } = call;
  const ready = run.tools.get(name);
  const output = ready === undefined ? unknownTool(name, run) : await outputOf(call, ready, run);
  return { type: "tool-result", toolCallId: id, toolName: name, output };
}

function unknownTool(name: string, { tools, secrets }: ToolRun): LanguageModelV4ToolResultOutput {
  const names = [...tools.keys()].join(", ") || "none";
  const problem = `There is no tool ${JSON.stringify(name.slice(0, NAME_LENGTH))}. There are: ${names}`;
  return errorOutput(problem, secrets);
}

async function outputOf(
  call: ModelToolCall,
  ready: ReadyTool,
  run: ToolRun,
): Promise<LanguageModelV4ToolResultOutput> {
  const { ctx } = run;
  const { name, tool } = ready;
  if (tool.perform !== undefined) {
    const work = async (input: unknown): Promise<unknown> =>
      forModel(tool, { toolCallId: call.id, input, output: await tool.perform!(input, ctx) });
    return settled(call, { ready, run, work });
  }
  return ctx.step(`tool:${name}`, ({ key, signal }) =>
    settled(call, {
      ready,
      run,
      work: (input) =>
        within(ready, { signal, clock: run.clock }, async (signal) => {
          const given = tool.execute!(input, {
            key,
            signal,
            secret: (secret) => run.secrets.get(secret, tool.secrets ?? []),
            toolCallId: call.id,
            abortSignal: signal,
            messages: [],
            context: {},
          });
          const output = await (isIterable(given) ? lastOf(given, signal) : given);
          return forModel(tool, { toolCallId: call.id, input, output });
        }),
    }),
  );
}

/** What a tool gave, by its `toModelOutput` where it has one. */
function forModel(
  tool: Tool,
  result: { readonly toolCallId: string; readonly input: unknown; readonly output: unknown },
): unknown {
  return tool.toModelOutput === undefined ? result.output : tool.toModelOutput(result);
}

/** What the work gives, or what is wrong, as the model is told it. @throws when the tick is cut off */
async function settled(
  call: ModelToolCall,
  {
    ready,
    run,
    work,
  }: {
    readonly ready: ReadyTool;
    readonly run: ToolRun;
    readonly work: (input: unknown) => unknown;
  },
): Promise<LanguageModelV4ToolResultOutput> {
  const { ctx, secrets, outputBytes } = run;
  const { tool } = ready;
  try {
    const output = await work(await inputOf(call, ready));
    const rules = { secrets, limit: Math.min(tool.outputBytes ?? OUTPUT_BYTES, outputBytes) };
    return tool.toModelOutput === undefined ? outputFor(output, rules) : givenOutput(output, rules);
  } catch (error) {
    ctx.signal.throwIfAborted();
    return errorOutput(error, secrets);
  }
}

/** The input of a call. @throws INVALID for what is no JSON, or does not fit the schema */
export async function inputOf(
  { input }: ModelToolCall,
  { name, jsonSchema, standard, isMounted }: ReadyTool,
): Promise<unknown> {
  const refuse = (problem: string): OpenAgentsError =>
    new OpenAgentsError("INVALID", `The input of "${name}" does not fit: ${problem}`);
  let value: Json;
  try {
    // Models give no text at all to what takes nothing.
    value = input.trim() === "" ? {} : (JSON.parse(input) as Json);
  } catch (error) {
    throw new OpenAgentsError(
      "INVALID",
      `The input of "${name}" is no JSON: ${(error as Error).message}`,
    );
  }
  if (standard === undefined) {
    const problems = problemsOf(value, jsonSchema, { patterns: isMounted !== true });
    if (problems.length > 0) throw refuse(problems.join("; "));
    return value;
  }
  const checked = await validate(standard, value);
  if ("problem" in checked) throw refuse(checked.problem);
  return checked.value;
}

/** @throws TIMEOUT when it takes longer than the tool may */
async function within(
  { name, tool }: ReadyTool,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const abort = new AbortController();
  const cut = (): void => abort.abort(signal.reason);
  const ended = new Promise<never>((_, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason as Error));
  });
  ended.catch(() => undefined);
  signal.addEventListener("abort", cut);
  if (signal.aborted) cut();
  const ms = tool.timeout === undefined ? undefined : toMs(tool.timeout);
  const late = new OpenAgentsError("TIMEOUT", `"${name}" took longer than ${ms} ms`);
  const stop = ms === undefined ? undefined : clock.after(ms, () => abort.abort(late));
  try {
    return await Promise.race([work(abort.signal), ended]);
  } finally {
    stop?.();
    signal.removeEventListener("abort", cut);
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Tools of the AI SDK may give what they have so far; the last counts. After the signal no more is asked for. */
async function lastOf(values: AsyncIterable<unknown>, signal: AbortSignal): Promise<unknown> {
  let last: unknown;
  for await (const value of values) {
    if (signal.aborted) break;
    last = value;
  }
  return last;
}
