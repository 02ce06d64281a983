import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { isNpub } from "../core/agent.ts";
import type { Context } from "../core/context.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Trigger } from "../core/envelope.ts";
import type { Json } from "../core/json.ts";
import type { Conversation, Message, NewMessage } from "../core/ports/memory.ts";
import type { ModelResult } from "./call.ts";
import { conversationId } from "./conversation-id.ts";
import { converse } from "./loop.ts";
import type { Dialogue } from "./loop.ts";
import { memoryPrompt } from "./memory-prompt.ts";
import type { ModelThought } from "./mind.ts";
import { promptOf } from "./prompt.ts";
import { tokensOf } from "./run-tool.ts";
import { summariseOlder } from "./summaries.ts";

/**
 * What an agent does with a trigger that it has no hook for: the trigger goes to its conversation, the model
 * answers and uses tools, and what it says last is the reply. The conversation changes with the tick's commit.
 *
 * An alarm or an event is answered in the conversation alone, and so is an answer of another agent: else two
 * model agents would never end.
 */
export async function thinkAbout(thought: ModelThought): Promise<void> {
  const { ctx, mind } = thought;
  const { thinking, tokens, maxSteps, output } = mind;
  const { trigger } = ctx;
  const talk = ctx.memory.conversations.get(
    conversationId(thinking.conversation?.(trigger) ?? trigger.from),
  );
  const asked = await talk.append({ role: "user", content: textFor(trigger) });
  const system = await systemOf(thought);
  const asker = thought.asker();
  if (thinking.summarise !== false) {
    await summariseOlder(talk, {
      ctx,
      tokens,
      ask: (upTo, how, text) =>
        asker.ask(
          `summary:${upTo}`,
          () =>
            Promise.resolve({
              prompt: [
                { role: "system", content: how },
                { role: "user", content: [{ type: "text", text }] },
              ],
              // About twice what is kept of it.
              maxOutputTokens: Math.max(Math.ceil(tokens / 2), 1_024),
            }),
          { isQuiet: true },
        ),
    });
  }
  const dialogue = new Talk(talk, { system, tokens, asked });
  const { secrets, clock, outputBytes } = thought;
  const { answer, ended, value } = await converse({
    ctx,
    asker,
    name: "model",
    dialogue,
    tools: await thought.toolSet(),
    maxSteps,
    request: thinking.request,
    output,
    secrets,
    clock,
    outputBytes,
  });
  if (ended) return answerTo(ctx, output === undefined ? lastWords(ctx, answer) : (value as Json));
  const text = `I stopped after ${maxSteps} steps without an end. Write to me again to go on.`;
  ctx.log.warn("The model did not come to an end", { maxSteps });
  await dialogue.answered(text);
  await answerTo(ctx, text);
}

/** Instructions, and after them what the agent remembers. @throws CONFIG for instructions that are no text */
async function systemOf(thought: ModelThought): Promise<string | undefined> {
  const told = await instructionsOf(thought);
  const { ctx, mind } = thought;
  const memory = mind.thinking.memory === false ? undefined : await memoryPrompt(ctx);
  const parts = [told, memory].filter((part) => part !== undefined && part !== "");
  return parts.length === 0 ? undefined : parts.join("\n\n");
}

async function instructionsOf({ ctx, mind }: ModelThought): Promise<string | undefined> {
  const { instructions } = mind.thinking;
  if (typeof instructions !== "function") return instructions;
  const made: unknown = await instructions(ctx, ctx.trigger);
  if (typeof made === "string") return made;
  throw new OpenAgentsError(
    "CONFIG",
    `Cannot think as "${ctx.agent.type}": "instructions" must give text, and gave ${made === null ? "null" : typeof made}`,
  );
}

/** A dialogue that is a conversation of the agent's memory. */
class Talk implements Dialogue {
  readonly #talk: Conversation;
  readonly #system: string | undefined;
  readonly #tokens: number;
  readonly #asked: Message;
  /** The model is always shown what it was asked, and what it did last. */
  #latest: Message[] = [];

  constructor(
    talk: Conversation,
    {
      system,
      tokens,
      asked,
    }: {
      readonly system: string | undefined;
      readonly tokens: number;
      readonly asked: Message;
    },
  ) {
    this.#talk = talk;
    this.#system = system;
    this.#tokens = tokens;
    this.#asked = asked;
  }

  async prompt(): Promise<LanguageModelV4Prompt> {
    const context = await this.#talk.context({ tokens: this.#tokens });
    return promptOf(this.#system, context, [this.#asked, ...this.#latest]);
  }

  async answered(content: Json): Promise<void> {
    this.#latest = [];
    await this.#add({ role: "assistant", content });
  }

  async results(parts: Parameters<Dialogue["results"]>[0]): Promise<void> {
    const content = parts as unknown as Json;
    await this.#add({ role: "tool", content, tokens: tokensOf(parts) });
  }

  async told(text: string): Promise<void> {
    await this.#add({ role: "user", content: text });
  }

  async #add(message: NewMessage): Promise<void> {
    this.#latest.push(await this.#talk.append(message));
  }
}

/**
 * What the model is told of a trigger: what is no message begins with its type in brackets, and so does a message
 * that itself begins with something in brackets, so that none passes for an alarm, an event or a summary.
 */
function textFor({ type, text }: Trigger): string {
  return type === "message" && !BRACKETED.test(text) ? text : `[${type}] ${text}`;
}

/** Lists, as JSON has them, are nothing of the kind. */
const BRACKETED = /^[\s\p{C}]*[[［](?!\s*["\d\-{[\]])/u;

function lastWords(ctx: Pick<Context, "log">, { text, finish }: ModelResult): string {
  if (finish === "length") ctx.log.warn("The model's answer was cut off: it was too long");
  if (text !== "") return text;
  return finish === "content-filter"
    ? "The provider of the model withheld its answer."
    : "The model had nothing to say.";
}

async function answerTo(ctx: Context, reply: Json): Promise<void> {
  const { type, from, replyTo, expectsReply } = ctx.trigger;
  const isAnswer = replyTo !== undefined && isNpub(from);
  const wants = type === "message" || type === "mention" || type === "manual";
  if (expectsReply || (wants && !isAnswer)) await ctx.reply(reply);
}
