import type {
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from "@ai-sdk/provider";
import { byteLength } from "../core/byte-length.ts";
import type { Context } from "../core/context.ts";
import { toMs } from "../core/duration.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Clock } from "../core/ports/index.ts";
import { validate } from "../core/standard-schema.ts";
import type { ModelToolCall } from "./call.ts";
import { problemsOf } from "./json-schema.ts";
import { messageOf } from "./message-of.ts";
import { plain } from "./plain.ts";
import type { Secrets } from "./secrets.ts";
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
/** Characters of an error. */
const ERROR_LENGTH = 2_000;

/**
 * Carries out the calls of one answer: those of parallel tools that follow each other at once, the others one by
 * one. The results are in the order of the calls, and whatever goes wrong with a call is its result.
 * @throws what the tick was cut off with
 */
export async function runTools(
  calls: readonly ModelToolCall[],
  run: ToolRun,
): Promise<readonly LanguageModelV4ToolResultPart[]> {
  const results: LanguageModelV4ToolResultPart[] = [];
  const share = { ...run, outputBytes: Math.floor(run.outputBytes / Math.max(calls.length, 1)) };
  for (let at = 0; at < calls.length;) {
    const others = calls
      .slice(at)
      .findIndex(({ name }) => run.tools.get(name)?.isParallel !== true);
    const count = others === -1 ? calls.length - at : Math.max(others, 1);
    const some = calls.slice(at, at + count);
    results.push(...(await Promise.all(some.map((call) => runTool(call, share)))));
    at += count;
  }
  return results;
}

/** About how many tokens the results are for a model: one for each 4 bytes that it is told. */
export function tokensOf(results: readonly LanguageModelV4ToolResultPart[]): number {
  const bytes = results.map(({ output }) => {
    const value = "value" in output ? output.value : "";
    return byteLength(typeof value === "string" ? value : JSON.stringify(value));
  });
  return bytes.reduce((sum, one) => sum + Math.ceil(one / 4) + AROUND, 0);
}

async function runTool(call: ModelToolCall, run: ToolRun): Promise<LanguageModelV4ToolResultPart> {
  const { id, name } = call;
  const ready = run.tools.get(name);
  const output =
    ready === undefined
      ? failed(
          `There is no tool ${JSON.stringify(name)}. There are: ${[...run.tools.keys()].join(", ") || "none"}`,
        )
      : await outputOf(call, ready, run);
  return { type: "tool-result", toolCallId: id, toolName: name, output };
}

async function outputOf(
  call: ModelToolCall,
  ready: ReadyTool,
  run: ToolRun,
): Promise<LanguageModelV4ToolResultOutput> {
  const { ctx } = run;
  const { name, tool } = ready;
  if (tool.perform !== undefined) {
    return settled(ready, run, async () => tool.perform!(await inputOf(call, ready), ctx));
  }
  return ctx.step(`tool:${name}`, ({ key, signal }) =>
    settled(ready, run, async () => {
      const input = await inputOf(call, ready);
      return within(ready, { signal, clock: run.clock }, async (signal) => {
        const given = tool.execute!(input, {
          key,
          signal,
          secret: (secret) => run.secrets.get(secret, tool.secrets ?? []),
          toolCallId: call.id,
          abortSignal: signal,
          messages: [],
          context: {},
        });
        return isIterable(given) ? lastOf(given) : given;
      });
    }),
  );
}

/** What the work gives, or what is wrong, as the model is told it. @throws when the tick is cut off */
async function settled(
  { tool }: ReadyTool,
  { ctx, secrets, outputBytes }: ToolRun,
  work: () => Promise<unknown>,
): Promise<LanguageModelV4ToolResultOutput> {
  try {
    return told(await work(), {
      secrets,
      limit: Math.min(tool.outputBytes ?? OUTPUT_BYTES, outputBytes),
    });
  } catch (error) {
    ctx.signal.throwIfAborted();
    return failed(secrets.clean(messageOf(error)).slice(0, ERROR_LENGTH));
  }
}

/** @throws INVALID for input that is no JSON, or does not fit the schema */
async function inputOf(
  { input }: ModelToolCall,
  { name, jsonSchema, standard }: ReadyTool,
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
    const problems = problemsOf(value, jsonSchema);
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

function told(
  value: unknown,
  { secrets, limit }: { readonly secrets: Secrets; readonly limit: number },
): LanguageModelV4ToolResultOutput {
  if (value === undefined) return { type: "text", value: "Done" };
  if (typeof value === "string") {
    return { type: "text", value: cut(secrets.clean(value).toWellFormed(), limit) };
  }
  const json = secrets.cleanJson(plain(value));
  const text = JSON.stringify(json);
  if (byteLength(text) <= limit) return { type: "json", value: json };
  return { type: "text", value: cut(text, limit) };
}

function failed(value: string): LanguageModelV4ToolResultOutput {
  return { type: "error-text", value: value.toWellFormed() };
}

/** The beginning of a text, and how much was left out. */
function cut(text: string, limit: number): string {
  // Nothing is counted of what cannot be within it.
  const head = text.slice(0, limit);
  const bytes = byteLength(text);
  if (bytes <= limit) return text;
  let end = head.length;
  for (
    let over = byteLength(head) - limit;
    over > 0;
    over = byteLength(head.slice(0, end)) - limit
  ) {
    end -= Math.max(1, Math.floor(over / 3));
  }
  // No half of a character.
  const kept = head.slice(0, end).replace(/[\ud800-\udbff]$/, "");
  return `${kept}\n[cut: ${bytes - byteLength(kept)} of ${bytes} bytes left out]`;
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Tools of the AI SDK may give what they have so far; the last counts. */
async function lastOf(values: AsyncIterable<unknown>): Promise<unknown> {
  let last: unknown;
  for await (const value of values) last = value;
  return last;
}
