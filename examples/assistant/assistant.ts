import { defineAgent } from "@openagents/runtime";
import type { Context } from "@openagents/runtime";
import { defineTool } from "@openagents/runtime/models";
import { z } from "zod";
import { modelOr } from "../model.ts";
import { script } from "./script.ts";

/** All of it is one conversation, whoever writes and whatever alarm goes off. */
const CHAT = "chat";

/** Keeps something in memory: it is there in every conversation to come, and after every restart. */
const remember = defineTool({
  description: "Remembers a fact about the user, in the user's words",
  inputSchema: z.object({ fact: z.string() }),
  async perform({ fact }, ctx) {
    await ctx.memory.patterns.learn({ text: fact, confidence: 0.9, source: "the user" });
    return "remembered";
  },
});

const recall = defineTool({
  description: "Looks for what the user ever said with all of these words",
  inputSchema: z.object({ words: z.string() }),
  async perform({ words }, ctx) {
    const chat = ctx.memory.conversations.get(CHAT);
    const hits = await ctx.memory.search(words, { in: ["conversations"], limit: 20 });
    const found = await Promise.all(
      hits.map(({ n = 1 }) => chat.messages({ after: n - 1, limit: 1 })),
    );
    return found
      .flat()
      .filter(({ role, content }) => role === "user" && content !== ctx.trigger.text)
      .map(({ at, content }) => ({ at: new Date(at).toISOString(), said: content }));
  },
});

const remind = defineTool({
  description: "Reminds the user of something after a while, such as 10m, 2h or 1d",
  inputSchema: z.object({ in: z.string(), what: z.string() }),
  perform: ({ in: time, what }, ctx) => ctx.schedule({ in: time }, what),
});

/** Its work is outside of the agent, if not far: each call is a step, and not done again after a crash. */
const calculate = defineTool({
  description: "Two numbers with + - * / between them",
  readOnly: true,
  inputSchema: z.object({ a: z.number(), operator: z.enum(["+", "-", "*", "/"]), b: z.number() }),
  execute({ a, operator, b }) {
    return { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[operator];
  },
});

/** Talks with one person, and knows that person the longer the better. */
export const assistant = defineAgent({
  name: "assistant",
  model: modelOr(script),
  instructions,
  tools: { remember, recall, remind, calculate },
  think: { conversation: () => CHAT },
  // Somebody is there who sees what goes wrong, and says it again.
  retry: { retries: 1, quarantineAfter: 100 },
});

async function instructions(ctx: Context): Promise<string> {
  const known = await ctx.memory.patterns.list();
  return [
    "You are a personal assistant. Be brief and friendly. Remember what the user says of themselves.",
    `It is ${new Date(ctx.now()).toISOString()}.`,
    "A message that begins with [alarm] is something to remind the user of now.",
    known.length === 0 ? "You know nothing of the user yet." : "What you know of the user:",
    ...known.map(({ text }) => `- ${text}`),
  ].join("\n");
}
