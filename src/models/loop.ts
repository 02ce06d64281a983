import type { LanguageModelV4Prompt, LanguageModelV4ToolResultPart } from "@ai-sdk/provider";
import type { Context } from "../core/context.ts";
import { TerminalError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Clock } from "../core/ports/index.ts";
import type { Generated, ModelCallSettings } from "../core/ports/model.ts";
import type { Asker } from "./asker.ts";
import type { ModelResult, ModelToolCall } from "./call.ts";
import type { OutputFormat } from "./output.ts";
import { contentOf } from "./prompt.ts";
import { runTools } from "./run-tool.ts";
import type { Secrets } from "./secrets.ts";
import { toolForModel } from "./tool.ts";
import type { ReadyTool } from "./tool.ts";

/** What was said so far, wherever that is kept. */
export interface Dialogue {
  /** What the model is asked next. */
  prompt(): Promise<LanguageModelV4Prompt>;
  /** The model's words and calls, as a message has them; none when it said nothing at all. */
  answered(content: Json): Promise<void>;
  /** What came of the calls. */
  results(parts: readonly LanguageModelV4ToolResultPart[]): Promise<void>;
  /** Something that the model is told beside what was asked. */
  told(text: string): Promise<void>;
}

export interface LoopInput {
  readonly ctx: Context;
  readonly asker: Asker;
  /** What the steps of the model are called. */
  readonly name: string;
  readonly dialogue: Dialogue;
  readonly tools: ReadonlyMap<string, ReadyTool>;
  /** Calls of the model at most. */
  readonly maxSteps: number;
  readonly request?: ModelCallSettings | undefined;
  readonly output?: OutputFormat | undefined;
  readonly secrets: Secrets;
  readonly clock: Clock;
  /** Bytes that all results of one answer have together, at most. */
  readonly outputBytes: number;
}

export interface LoopResult {
  /** The last one. */
  readonly answer: ModelResult;
  /** False when the model still called tools after `maxSteps`. */
  readonly ended: boolean;
  /** Where there is an `output`. */
  readonly value: unknown;
  readonly toolCalls: Generated["toolCalls"];
}

/** How often a model may give an answer that does not fit. */
const MISSES = 3;

/**
 * Asks the model, carries out the tools that it calls, and so on until it calls none. Each call of either is a
 * step, so what ended is neither done nor paid for again.
 * @throws INVALID (terminal) for an answer that does not fit `output` time after time, LIMIT (terminal) where there is
 *   an `output` and the model still calls tools after `maxSteps`; what a call of a model throws
 */
export async function converse(input: LoopInput): Promise<LoopResult> {
  const { ctx, asker, name, dialogue, tools, output, secrets, clock, outputBytes } = input;
  const offered = [...tools.values()].map(toolForModel);
  const toolCalls: Generated["toolCalls"][number][] = [];
  let misses = 0;
  for (let step = 1; ; step += 1) {
    const answer = await asker.ask(name, async () => ({
      ...input.request,
      prompt: await dialogue.prompt(),
      ...(offered.length > 0 && { tools: offered }),
      ...(output !== undefined && { responseFormat: output.responseFormat }),
    }));
    const words = contentOf(answer.content, answer.model.provider);
    if (!Array.isArray(words) || words.length > 0) await dialogue.answered(words);
    const calls = answer.toolCalls;
    if (calls.length > 0) {
      const results = await runTools(calls, { ctx, tools, secrets, clock, outputBytes });
      await dialogue.results(results);
      toolCalls.push(...calls.map((call, i) => callOf(call, results[i]!)));
    } else {
      const checked = await output?.read(answer.text);
      if (checked === undefined) return { answer, ended: true, value: undefined, toolCalls };
      if ("value" in checked) return { answer, ended: true, value: checked.value, toolCalls };
      misses += 1;
      if (misses === MISSES || step >= input.maxSteps) {
        // The steps are journaled: to run them again would come to the same.
        throw new TerminalError(
          `Cannot use the answer of the model: after ${misses} tries it does not fit: ${checked.problem}`,
          { code: "INVALID" },
        );
      }
      await dialogue.told(
        `Your answer does not fit: ${checked.problem}. Answer again, with JSON alone that fits the schema.`,
      );
    }
    if (step < input.maxSteps) continue;
    if (output === undefined) return { answer, ended: false, value: undefined, toolCalls };
    throw new TerminalError(
      `Cannot use the answer of the model: there is none after ${step} calls of it, and "output" wants one: raise "maxSteps"`,
      { code: "LIMIT" },
    );
  }
}

function callOf(
  { name, input }: ModelToolCall,
  { output }: LanguageModelV4ToolResultPart,
): Generated["toolCalls"][number] {
  let given: Json = input;
  try {
    given = JSON.parse(input) as Json;
  } catch {
    // As the model wrote it.
  }
  return { name, input: given, output: "value" in output ? (output.value as Json) : null };
}
