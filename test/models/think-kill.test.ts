import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MockLanguageModelV4 } from "ai/test";
import { simulateReadableStream } from "ai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { Context, ModelReference, Runtime, Store, TickOutput } from "../../src/index.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { listen } from "../../src/models/scripted-listener.ts";
import { scriptedModel, scriptedServer } from "../../src/models/scripted.ts";
import type { ScriptedAsk, ScriptedReply } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import { signer } from "../core/setting.ts";

/** Calls of a tool, and so five calls of the model and one more: eleven steps in one tick. */
const TOOLS = 5;
const STEPS = 2 * TOOLS + 1;
/** A model that the runtime makes by its name. */
const NAMED = "gpt-5";

/** When the process dies: at its n-th journal entry or commit of a tick, before or after it is durable. */
interface Death {
  readonly at: "journal" | "commit";
  readonly n: number;
  readonly when: "before" | "after";
}

/** A store as a process has it that dies at this moment: no call of it comes back from then on. */
function dying(
  store: Store,
  death: Death,
): { readonly store: Store; readonly dead: Promise<void> } {
  const never = new Promise<never>(() => undefined);
  let isDead = false;
  let count = 0;
  let died: () => void;
  const dead = new Promise<void>((resolve) => (died = resolve));
  const die = (): Promise<never> => {
    isDead = true;
    died();
    return never;
  };
  const proxy = new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (isDead) return never;
        const isIt = name === death.at && isStep(name, args) && (count += 1) === death.n;
        if (isIt && death.when === "before") return die();
        const result = await method.apply(target, args);
        if (isIt) {
          await target.sync();
          return die();
        }
        return isDead ? never : result;
      };
    },
  });
  return { store: proxy, dead };
}

/** False for what the kernel journals beside steps: how often a process died in a trigger. */
function isStep(name: string, args: readonly unknown[]): boolean {
  if (name !== "journal") return true;
  const [{ path }] = args[1] as readonly [{ readonly path: string }];
  return path.startsWith("journal/");
}

/** A place whose files outlive the process. */
interface Place {
  readonly open: () => Store;
  /** What is left behind when the process is gone. */
  readonly lose: (store: Store) => Promise<void>;
  readonly remove: () => void;
}

const PLACES: Readonly<Record<string, () => Place>> = {
  memory() {
    const store = memoryStore();
    return {
      open: () => store,
      lose: () => Promise.resolve(store.crash()),
      remove: () => undefined,
    };
  },
  sqlite() {
    const dir = mkdtempSync(join(tmpdir(), "openagents-think-"));
    return {
      open: () => sqlite(join(dir, "agents.db")),
      lose: (store) => store.close(),
      remove: () => rmSync(dir, { recursive: true }),
    };
  },
};

/** What a model of any kind says, by what was done before: it is asked by processes that know nothing. */
function plan({ messages }: Pick<ScriptedAsk, "messages">): ScriptedReply {
  const done = messages.filter(({ role }) => role === "tool").length;
  const usage = { input: 100, output: 10 };
  if (done === TOOLS) return { text: "All is done", usage };
  return { toolCalls: [{ name: "work", input: { part: done }, id: `part-${done}` }], usage };
}

/** Starts a process with an agent that works by that plan. */
async function start(
  store: Store,
  {
    model,
    work,
  }: { readonly model: ModelReference; readonly work: (part: number, key: string) => void },
): Promise<Runtime> {
  const rates = { input: 1_000_000, output: 1_000_000, cacheRead: 0, cacheWrite: 0 };
  const agent = defineAgent({
    name: "a",
    model,
    tools: {
      work: {
        parameters: { type: "object", properties: { part: { type: "integer" } } },
        execute: ({ part }: { part: number }, { key }) => work(part, key),
      },
    },
    think: {
      prices: { [typeof model === "object" && "modelId" in model ? model.modelId : NAMED]: rates },
    },
    onManual: async (ctx: Context) => {
      const [first] = await ctx.memory.conversations.list();
      ctx.broadcast("kept", first === undefined ? 0 : first.last);
    },
  });
  const definition = defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] });
  const runtime = createRuntime({
    definition,
    store,
    signer,
    memory: agentMemory,
    thinker: modelThinker(),
  });
  await runtime.start();
  return runtime;
}

async function outputs(runtime: Runtime): Promise<readonly TickOutput[]> {
  const rows = await runtime.log("a", 0, 100);
  return rows.map(({ output }) => JSON.parse(output ?? "{}") as TickOutput);
}

/** Runs the work in a process that dies, and to its end in the next; how often each piece of it was done. */
async function killed(
  place: Place,
  model: ModelReference,
  death: Death,
): Promise<Map<string, number>> {
  const done = new Map<string, number>();
  const keys = new Map<number, string>();
  const work = (part: number, key: string): void => {
    done.set(`tool ${part}`, (done.get(`tool ${part}`) ?? 0) + 1);
    // Each try of a call has the same key, and no other call has it.
    assert.equal(keys.get(part) ?? key, key);
    keys.set(part, key);
  };
  const first = place.open();
  const mortal = dying(first, death);
  const doomed = await start(mortal.store, { model, work });
  await doomed.send("a", { payload: "Work", id: "the-work" });
  await mortal.dead;
  // What the dead process was about to do goes nowhere; the file is the next one's.
  await new Promise((resolve) => setTimeout(resolve, 5));
  await place.lose(first);
  const store = place.open();
  const runtime = await start(store, { model, work });
  const replies = async (): Promise<readonly unknown[]> =>
    (await outputs(runtime)).flatMap(({ replies = [] }) => replies.map(({ payload }) => payload));
  for (let i = 0; i < 500 && (await replies()).length === 0; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await runtime.send("a", { payload: "Work", id: "the-work" })).receipt, "duplicate");
  await runtime.tick("a");
  const kept = async (): Promise<unknown> =>
    (await outputs(runtime)).flatMap(({ events = [] }) => events.map(({ data }) => data)).at(-1);
  for (let i = 0; i < 500 && (await kept()) === undefined; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.deepEqual(await replies(), ["All is done"], "the reply comes once");
  assert.equal(await kept(), 1 + 2 * TOOLS + 1);
  const cost = 110 * (TOOLS + 1);
  const { spent } = await runtime.status("a");
  assert.deepEqual(spent!.total, { usd: cost, tokens: cost }, "what it cost is counted once");
  assert.equal(spent!.unpriced, 0);
  await runtime.stop();
  if (store !== first) await store.close();
  return done;
}

const DEATHS: readonly Death[] = [
  ...Array.from({ length: STEPS }, (_, i) => i + 1).flatMap((n) => [
    { at: "journal", n, when: "before" } as const,
    { at: "journal", n, when: "after" } as const,
  ]),
  // The first commit is that of the tick in which the agent is made.
  { at: "commit", n: 2, when: "before" },
  { at: "commit", n: 2, when: "after" },
];

for (const [name, place] of Object.entries(PLACES)) {
  void test(`${name}: a process that dies at any step repeats none that ended, and counts none twice`, async () => {
    for (const death of DEATHS) {
      const made = place();
      const model = scriptedModel(plan);
      const done = await killed(made, model, death);
      const at = `${death.when} ${death.at} ${death.n}`;
      // One that ended and was not kept yet is done again: the odd ones are calls of the model.
      const isLost = death.at === "journal" && death.when === "before";
      const again = isLost ? death.n : 0;
      assert.equal(model.calls.length, TOOLS + 1 + (again % 2), at);
      for (let part = 0; part < TOOLS; part += 1) {
        const isAgain = again > 0 && again % 2 === 0 && again / 2 - 1 === part;
        assert.equal(done.get(`tool ${part}`), isAgain ? 2 : 1, `${at}: tool ${part}`);
      }
      made.remove();
    }
  });
}

void test("an agent works with the AI SDK's own mock model", async () => {
  const model = new MockLanguageModelV4({
    doStream: ({ prompt }) => {
      const messages = prompt.map(({ role }) => ({ role, text: "", toolCalls: [] }));
      const { text, toolCalls = [] } = plan({ messages });
      const usage = {
        inputTokens: { total: 100, noCache: 100, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 10, text: 10, reasoning: undefined },
      };
      return Promise.resolve({
        stream: simulateReadableStream({
          chunkDelayInMs: null,
          initialDelayInMs: null,
          chunks: [
            { type: "stream-start", warnings: [] },
            ...(text === undefined
              ? toolCalls.map(({ id = "", name, input }) => ({
                  type: "tool-call" as const,
                  toolCallId: id,
                  toolName: name,
                  input: JSON.stringify(input),
                }))
              : [
                  { type: "text-start" as const, id: "1" },
                  { type: "text-delta" as const, id: "1", delta: text },
                  { type: "text-end" as const, id: "1" },
                ]),
            {
              type: "finish",
              finishReason: { unified: text === undefined ? "tool-calls" : "stop", raw: undefined },
              usage,
            },
          ],
        }),
      });
    },
  });
  await killed(PLACES["memory"]!(), model, { at: "journal", n: 4, when: "after" });
  assert.equal(model.doStreamCalls.length, TOOLS + 1);
});

/** Models of the packages that users have, by the API that each speaks, and one that is named alone. */
const PROVIDERS: readonly (readonly [api: string, make: (baseURL: string) => ModelReference])[] = [
  [
    "chat",
    (baseURL) => createOpenAICompatible({ name: "scripted", baseURL, includeUsage: true })("m"),
  ],
  ["chat", (baseURL) => createOpenAI({ baseURL, apiKey: "none" }).chat("gpt-4o")],
  ["responses", (baseURL) => createOpenAI({ baseURL, apiKey: "none" })("gpt-5")],
  ["messages", (baseURL) => createAnthropic({ baseURL, apiKey: "none" })("claude-opus-4-6")],
  ["responses", (baseURL) => ({ model: `openai/${NAMED}`, baseURL, apiKey: "none" })],
];

void test("an agent works over HTTP with each package of a provider, also when it is killed", async () => {
  for (const [api, make] of PROVIDERS) {
    const server = scriptedServer(plan);
    await using listening = await listen(server);
    const place = PLACES["sqlite"]!();
    await killed(place, make(listening.url), { at: "journal", n: 5, when: "after" });
    assert.deepEqual(
      server.requests.map((request) => request.api),
      Array.from({ length: TOOLS + 1 }, () => api),
    );
    place.remove();
  }
});
