import type { LanguageModelV4, LanguageModelV4Prompt } from "@ai-sdk/provider";
import type { Context } from "../core/context.ts";
import type { Json } from "../core/json.ts";
import type { Message } from "../core/ports/memory.ts";
import type {
  ContextModel,
  GenerateRequest,
  Generated,
  ModelReference,
} from "../core/ports/model.ts";
import type { Asker } from "./asker.ts";
import { nameOf } from "./call.ts";
import { converse } from "./loop.ts";
import type { Dialogue, LoopInput } from "./loop.ts";
import { outputFormat } from "./output.ts";
import { promptOf } from "./prompt.ts";
import { readyTools } from "./tool.ts";
import type { ReadyTool } from "./tool.ts";

/** What `ctx.model` is made with. */
export interface GenerateParts extends Pick<
  LoopInput,
  "secrets" | "clock" | "outputBytes" | "maxSteps"
> {
  readonly ctx: Context;
  readonly asker: (model: ModelReference | undefined) => Asker;
  /** All that the agent has. */
  readonly tools: () => Promise<ReadonlyMap<string, ReadyTool>>;
}

/** The model of an agent in a tick. */
export function contextModel(parts: GenerateParts): ContextModel {
  return {
    async generate<Output = undefined>(given: GenerateRequest<Output>): Promise<Generated<Output>> {
      const { prompt, system, tools, output, model, maxSteps, name = "model", ...request } = given;
      const asker = parts.asker(model);
      const { answer, ended, value, toolCalls } = await converse({
        ...parts,
        asker,
        name,
        request,
        dialogue: new Spoken(system, typeof prompt === "string" ? [user(prompt)] : prompt),
        tools: tools === "all" ? await parts.tools() : readyTools(tools ?? {}),
        maxSteps: maxSteps ?? parts.maxSteps,
        output: output && outputFormat(output),
      });
      return {
        text: answer.text,
        output: value as Output,
        finish: ended ? answer.finish : "tool-calls",
        toolCalls,
        usage: asker.usage,
        cost: asker.cost,
        model: nameOf(answer.model as LanguageModelV4),
      };
    },
  };
}

/** A dialogue that is kept nowhere. */
class Spoken implements Dialogue {
  readonly #system: string | undefined;
  readonly #messages: Pick<Message, "role" | "content">[];

  constructor(system: string | undefined, messages: readonly Pick<Message, "role" | "content">[]) {
    this.#system = system;
    this.#messages = [...messages];
  }

  prompt(): Promise<LanguageModelV4Prompt> {
    const messages = this.#messages.map((message, n) => ({ ...message, n, at: 0, tokens: 0 }));
    return Promise.resolve(promptOf(this.#system, { messages }));
  }

  answered(content: Json): Promise<void> {
    return this.#add({ role: "assistant", content });
  }

  results(parts: Parameters<Dialogue["results"]>[0]): Promise<void> {
    return this.#add({ role: "tool", content: parts as unknown as Json });
  }

  told(text: string): Promise<void> {
    return this.#add(user(text));
  }

  #add(message: Pick<Message, "role" | "content">): Promise<void> {
    this.#messages.push(message);
    return Promise.resolve();
  }
}

function user(content: string): Pick<Message, "role" | "content"> {
  return { role: "user", content };
}
