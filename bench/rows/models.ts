import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4 } from "@ai-sdk/provider";
import { streamText } from "ai";
import { createRuntime } from "../../src/core/create-runtime.ts";
import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { AgentDefinition } from "../../src/core/definition.ts";
import type { Runtime } from "../../src/core/runtime.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { scriptedModel } from "../../src/models/scripted.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { benchSigner, createAgents } from "../in-process.ts";
import { flight, median, percentile, round, time } from "../measure.ts";

const ANSWER = "A scripted answer that is about as long as one line of a chat usually is.";
const SYSTEM = "You are measured.";
const QUESTION = "How long does it take?";

/**
 * Ms that the runtime adds to a call of a model: the call as a durable step of a tick, whose answer is in SQLite
 * and on disk before the tick goes on; beside the same call by the AI SDK's `streamText`, to the same
 * scripted server, which is another process, over HTTP, by turns. Value: the difference of the medians.
 */
export async function modelOverhead(bench: Bench): Promise<Figures> {
  const { rounds, one } = bench.sizes;
  const program = new URL("../scripted-server.ts", import.meta.url).pathname;
  const server = spawn(process.execPath, [program, ANSWER], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(server.stdout, "data")) as [Buffer];
  const baseURL = line.toString().trim();
  const make = createOpenAICompatible({ name: "bench", baseURL, includeUsage: true });
  const model: LanguageModelV4 = make("scripted");
  const each = Math.max(5, Math.round(one / 10));
  const steps: number[] = [];
  const agent = defineAgent({
    name: "caller",
    model,
    async onMessage(ctx) {
      for (let i = 0; i < each; i += 1) {
        const work = async () => {
          const { text } = await ctx.model.generate({ system: SYSTEM, prompt: QUESTION });
          if (text !== ANSWER) throw new Error("That is another answer");
        };
        steps.push(await time(work));
      }
    },
  });
  const runtime = await started(bench, agent);
  const [id] = await createAgents(runtime, { type: "caller", count: 1 });
  const bare: number[] = [];
  for (let i = 0; i <= rounds; i += 1) {
    const answer = await runtime.ask(id!, { payload: "go" }, { timeout: 600_000 });
    if (answer.outcome !== "done") throw new Error(`The tick ended as "${answer.outcome}"`);
    for (let n = 0; n < each; n += 1) {
      bare.push(
        await time(async () => {
          const { text } = streamText({
            model,
            instructions: SYSTEM,
            prompt: QUESTION,
          });
          if ((await text) !== ANSWER) throw new Error("That is another answer");
        }),
      );
    }
    // The first round is for the compiler.
    if (i === 0) for (const list of [steps, bare]) list.length = 0;
  }
  await runtime.stop();
  server.kill();
  return {
    value: round(median(steps) - median(bare)),
    unit: "ms",
    p50: round(median(steps)),
    p99: round(percentile(steps, 0.99)),
    ratio: round(median(bare) / median(steps)),
    against: `${round(median(bare))} ms: the bare call`,
  };
}

/** How long the model of the next row takes, ms. */
const WAIT = 2000;

/**
 * KiB of memory for each agent that waits on a model, of many that do at once in one process: p50 and p99 are
 * ms from asking the agent to its answer, of a model that takes 2,000.
 */
export async function modelWaiting(bench: Bench): Promise<Figures> {
  const { together } = bench.sizes;
  const model = scriptedModel(() => ({ text: ANSWER, delay: WAIT }));
  const runtime = await started(bench, defineAgent({ name: "waiter", model }));
  const ids = await createAgents(runtime, { type: "waiter", count: together });
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let most = before;
  const watching = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 100);
  const took = await flight({ count: together, inFlight: together }, async (i) => {
    const { outcome } = await runtime.ask(ids[i]!, { payload: "Hello" }, { timeout: 60_000 });
    if (outcome !== "done") throw new Error(`An agent ended as "${outcome}"`);
  });
  clearInterval(watching);
  await runtime.stop();
  return {
    value: round((most - before) / together / 1024),
    unit: "KiB/agent",
    p50: round(median(took)),
    p99: round(percentile(took, 0.99)),
    against: `${together} agents at once, all done after ${round(Math.max(...took))} ms`,
  };
}

async function started(bench: Bench, agent: AgentDefinition): Promise<Runtime> {
  const runtime = createRuntime({
    memory: agentMemory,
    thinker: modelThinker(),
    definition: defineRuntime({ agents: [agent] }),
    store: sqlite(join(bench.directory(), "models.db")),
    signer: benchSigner(),
    onProblem(problem, error) {
      throw new Error(problem, { cause: error });
    },
  });
  await runtime.start();
  return runtime;
}
