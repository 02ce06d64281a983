import { env } from "node:process";
import { defineAgent } from "@openagents/runtime";
import type { Context } from "@openagents/runtime";
import { modelOr } from "../model.ts";
import { script } from "./script.ts";
import { researchTools } from "./tools.ts";

interface ResearcherState extends Record<string, unknown> {
  /** By goal, how often it was worked on. */
  tries: Record<string, number>;
}

/** How often a step is worked on before it is given up. */
const TRIES = 3;

/**
 * Answers a question in many ticks: the first makes a plan, which is kept in goals, each of those that follow works
 * on one step of it, and the last writes the report. Whatever happens in between, it goes on where it was.
 */
export const researcher = defineAgent<ResearcherState>({
  name: "researcher",
  state: { tries: {} },
  model: modelOr(script),
  instructions,
  tools: researchTools(env["LIBRARY_URL"] ?? ""),
  think: { conversation: () => "research" },

  async onMessage(ctx) {
    await ctx.think();
    await goOn(ctx);
  },
  async onAlarm(ctx) {
    await ctx.think();
    await goOn(ctx);
  },
});

/** Has the next tick work on the first step that is open, or write the report when there is none. */
async function goOn(ctx: Context<ResearcherState>): Promise<void> {
  const goals = await ctx.goals.list({ limit: 1000 });
  const open = goals.filter(({ status }) => status === "open");
  const question = open.find(({ parent }) => parent === undefined);
  if (question === undefined) return;
  const steps = open.filter(({ parent }) => parent === question.id);
  const [next = question] = steps.toSorted((a, b) => b.priority - a.priority);
  const tries = (ctx.state.tries[next.id] ?? 0) + 1;
  ctx.state.tries[next.id] = tries;
  if (tries > TRIES) {
    await ctx.goals.update(next.id, { status: "dropped", result: `Tried ${TRIES} times` });
    return goOn(ctx);
  }
  const isStep = next !== question;
  const task = isStep
    ? `Work on step ${next.id} now: ${next.title}`
    : `Write the report on ${next.id} now: ${next.title}`;
  ctx.schedule({ in: "200ms" }, task, { id: "work" });
}

async function instructions(ctx: Context): Promise<string> {
  const all = await ctx.goals.list({ limit: 1000 });
  const question = all.find(({ parent, status }) => parent === undefined && status === "open");
  const goals = all.filter(({ id, parent }) => question?.id === (parent ?? id));
  const notes = await ctx.memory.patterns.find(ctx.trigger.text);
  return [
    "You research questions with the pages that search finds, and nothing else.",
    "When you are asked a question, search, make a plan of steps, and say what you are going to do.",
    "When you are told to work on a step: search, read the best page, note what matters, and finish the step.",
    "When you are told to write a report: put together what came of the steps, and cite each page by its address.",
    ...(notes.length === 0 ? [] : ["What you noted before, and where you read it:"]),
    ...notes.map(({ text, source }) => `* ${text} (${source})`),
    ...(goals.length === 0 ? [] : ["Your goals:"]),
    ...goals.map(
      ({ id, title, status, result }) => `- ${id} [${status}] ${title}: ${result ?? ""}`,
    ),
  ].join("\n");
}
