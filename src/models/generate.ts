import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { OpenAgentsError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type { Message } from "../core/ports/memory.ts";
import type { ContextModel, GenerateRequest, Generated } from "../core/ports/model.ts";
import { nameOf } from "./call.ts";
import { converse } from "./loop.ts";
import type { Dialogue } from "./loop.ts";
import type { ModelThought } from "./mind.ts";
import { outputFormat } from "./output.ts";
import { promptOf } from "./prompt.ts";
import { readyTools } from "./tool.ts";

/** The model of an agent in a tick. */
export function contextModel(thought: ModelThought): ContextModel {
  return {
    async generate<Output = undefined>(given: GenerateRequest<Output>): Promise<Generated<Output>> {
      const { prompt, system, tools, output, model, maxSteps, name = "model", ...request } = given;
      const { ctx, mind, secrets, clock, outputBytes } = thought;
      if (prompt.length === 0) {
        throw new OpenAgentsError("INVALID", 'Cannot ask the model: "prompt" is empty');
      }
      if (maxSteps !== undefined && !(Number.isSafeInteger(maxSteps) && maxSteps >= 1)) {
        throw new OpenAgentsError(
          "INVALID",
          'Cannot ask the model: "maxSteps" must be a whole number from 1 on',
        );
      }
      const asker = thought.asker(model);
      const { answer, ended, value, toolCalls } = await converse({
        ctx,
        asker,
        name,
        request,
        dialogue: new Spoken(system, typeof prompt === "string" ? [user(prompt)] : prompt),
        tools: tools === "all" ? await thought.toolSet() : readyTools(tools ?? {}),
        maxSteps: maxSteps ?? mind.maxSteps,
        output: output && outputFormat(output),
        secrets,
        clock,
        outputBytes,
      });
      return {
        text: answer.text,
        output: value as Output,
        finish: ended ? answer.finish : "tool-calls",
        toolCalls,
        usage: asker.usage,
        cost: asker.cost,
        model: nameOf(answer.model),
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
