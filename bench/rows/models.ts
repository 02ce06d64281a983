import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
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
import { sqlite } from "../../src/stores/sqlite.ts";
import type { Bench, Figures } from "../bench.ts";
import { startAgentd } from "../children.ts";
import { httpClient } from "../http-client.ts";
import { benchSigner, createAgents, nameOf } from "../in-process.ts";
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
  const server = await startModel("0");
  const baseURL = server.url;
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
  server.stop();
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
 * KiB of memory of a daemon for each agent that waits on a model, of many that do at once, each with a message of its
 * own over HTTP: p50 and p99 are ms from sending it to the reply, of a model over HTTP that takes 2,000. Model, daemon
 * and clients are three processes.
 */
export async function modelWaiting(bench: Bench): Promise<Figures> {
  const { together } = bench.sizes;
  const server = await startModel(String(WAIT));
  process.env["BENCH_MODEL"] = server.url;
  const agentd = await startAgentd(bench.directory());
  const post = httpClient(agentd, together);
  await flight({ count: together, inFlight: 50 }, (i) =>
    post("/agents", { name: nameOf(i), type: "waiter" }),
  );
  const rss = (): number => {
    const status = readFileSync(`/proc/${agentd.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  };
  const ask = async (i: number): Promise<void> => {
    const said = await post(`/agents/${nameOf(i)}/send?wait=60s`, { text: "Hello" });
    if (!said.includes('"done"')) throw new Error(`A message was answered with ${said}`);
  };
  // For the compiler.
  await flight({ count: Math.min(together, 100), inFlight: 100 }, ask);
  const before = rss();
  let most = before;
  const watching = setInterval(() => (most = Math.max(most, rss())), 100);
  const took = await flight({ count: together, inFlight: together }, ask);
  clearInterval(watching);
  await agentd.stop();
  server.stop();
  return {
    value: round((most - before) / together),
    unit: "KiB/agent",
    p50: round(median(took)),
    p99: round(percentile(took, 0.99)),
    against: `${together} agents at once, all done after ${round(Math.max(...took))} ms`,
  };
}

/** A scripted model behind HTTP, in a process of its own. */
async function startModel(delay: string): Promise<{ readonly url: string; stop(): void }> {
  const program = new URL("../scripted-server.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, ANSWER, delay], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { url: line.toString().trim(), stop: () => void child.kill() };
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
