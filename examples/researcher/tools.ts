import { createHash } from "node:crypto";
import type { Context } from "@openagents/runtime";
import { defineTool } from "@openagents/runtime/models";
import type { Tools } from "@openagents/runtime/models";
import { z } from "zod";
import { searchPages } from "./library.ts";

/** @param library where the pages are */
export function researchTools(library: string): Tools {
  const search = defineTool({
    description: "Finds pages that have some of the words: their titles and addresses",
    readOnly: true,
    inputSchema: z.object({ words: z.string() }),
    execute: ({ words }) => searchPages(words, library),
  });

  const read = defineTool({
    description: "Reads a page, by the address that search gave",
    inputSchema: z.object({ url: z.string() }),
    async perform({ url }, ctx) {
      if (!url.startsWith(`${library}/`)) throw new Error("Only what search found can be read");
      const text = await ctx.step("fetch", async ({ signal }) => {
        const response = await fetch(url, { signal, redirect: "error" });
        if (!response.ok) throw new Error(`Cannot read ${url}: status ${response.status}`);
        return response.text();
      });
      const digest = createHash("sha256").update(text).digest("hex");
      await ctx.memory.files.note(url, { digest, size: Buffer.byteLength(text) });
      return text;
    },
  });

  return { search, read, note, plan, finish_step: finishStep, write_report: writeReport };
}

const note = defineTool({
  description:
    "Notes a fact, and the address of the page that it is from, for all research to come",
  inputSchema: z.object({ fact: z.string(), url: z.string() }),
  async perform({ fact, url }, ctx) {
    await checkRead(ctx, [url]);
    await ctx.memory.patterns.learn({ text: fact, source: url });
    return "noted";
  },
});

const plan = defineTool({
  description: "Makes the plan for a question: 2 to 5 steps, each a question that pages can answer",
  inputSchema: z.object({ question: z.string(), steps: z.array(z.string()).min(1).max(5) }),
  async perform({ question, steps }, ctx) {
    const goals = await ctx.goals.list({ limit: 1000 });
    const numbers = goals.map(({ id }) => Number(/^q(\d+)$/.exec(id)?.[1] ?? 0));
    const { id } = await ctx.goals.add({ id: `q${Math.max(0, ...numbers) + 1}`, title: question });
    for (const [i, title] of steps.entries()) {
      await ctx.goals.add({ id: `${id}.${i + 1}`, title, parent: id, priority: -i });
    }
    return "You are told when to work on each step.";
  },
});

const finishStep = defineTool({
  description:
    "Ends a step of the plan with what came of it, and the addresses of the pages that say so",
  inputSchema: z.object({ step: z.string(), result: z.string(), urls: z.array(z.string()).min(1) }),
  async perform({ step, result, urls }, ctx) {
    await checkRead(ctx, urls);
    const text = `${result} (${urls.join(", ")})`;
    const { parent } = await ctx.goals.update(step, { status: "done", progress: 1, result: text });
    if (parent === undefined) return "done";
    const steps = (await ctx.goals.list({ limit: 1000 })).filter((goal) => goal.parent === parent);
    const done = steps.filter(({ status }) => status !== "open").length;
    await ctx.goals.update(parent, { progress: done / (steps.length + 1) });
    return "done";
  },
});

const writeReport = defineTool({
  description:
    "Writes the report that answers a question. Each page that it rests on is cited by its address",
  inputSchema: z.object({ question: z.string(), text: z.string() }),
  async perform({ question, text }, ctx) {
    const urls = text.match(/https?:\/\/[^\s)\],]+/g) ?? [];
    if (urls.length === 0)
      throw new Error("A report cites what it rests on: there is no address in it");
    await checkRead(ctx, urls);
    const path = await ctx.fs.write(`/memory/files/reports/${question}.md`, text);
    await ctx.goals.update(question, { status: "done", progress: 1, result: path });
    ctx.broadcast("report", { question, path });
    return path;
  },
});

/** What nobody read cannot be cited: the model is told so. */
async function checkRead(ctx: Context, urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    if ((await ctx.memory.files.get(url)) === undefined) throw new Error(`You did not read ${url}`);
  }
}
