import { defineAgent } from "../../core/definition.ts";
import type { AgentDefinition, AgentOptions } from "../../core/definition.ts";
import type { Context } from "../../core/context.ts";
import type { Json } from "../../core/json.ts";
import type { Prices, Tools } from "../../core/ports/model.ts";
import type { StandardSchema } from "../../core/standard-schema.ts";
import { scriptedModel } from "../../models/scripted.ts";
import type { ScriptedAsk, ScriptedReply } from "../../models/scripted.ts";
import type { Outside } from "./outside.ts";

/** What a `thinker` is to do, as the payload of a message; of any other message it says what it was told first. */
export type Task = {
  /** Unlike that of any other task: what is done for it is counted below it. */
  id: string;
  /** The calls of tools, one in each answer of the model. */
  calls: { tool: string; input?: Json }[];
  /** Steps that stand still the first time: `model N`, `tool N`. Default: none. */
  halt?: string[];
};

/** Tokens that each answer of the models takes, and what those cost in micro-USD. */
export const USED = { input: 300, output: 100 } as const;
export const COST: number = USED.input + 2 * USED.output;

const MILLION = 1_000_000;
const PRICES: Prices = {
  scripted: { input: MILLION, output: 2 * MILLION, cacheRead: 0, cacheWrite: 0 },
};

/** The agents that think: by models inside of them, which say what their task has for them. */
export function modelAgents(outside: Outside): readonly AgentDefinition[] {
  const thinks: Partial<AgentOptions> = {
    model: scriptedModel((ask) => answer(outside, ask)),
    instructions: "Do as you are told",
    tools: toolsOf(outside),
    think: { prices: PRICES },
    // It is killed often, and not to blame.
    retry: { retries: 20, backoff: 10, maxBackoff: 50 },
  };
  return [
    // Does its task.
    defineAgent({ ...thinks, name: "thinker" }),
    // Has enough for one answer a day: it costs 500 micro-USD, and could cost some more than 512 for 256 tokens.
    defineAgent({ ...thinks, name: "frugal", tools: {}, budget: { perDay: { usd: "0.001" } } }),
    // Answers with a number, as it is to after it was told that it did not.
    defineAgent({
      name: "clerk",
      model: scriptedModel(({ last }) => ({
        text: last.includes("does not fit") ? '```json\n{ "total": 42 }\n```' : "Forty-two",
        usage: USED,
      })),
      think: { output: total, prices: PRICES },
    }),
  ];
}

function toolsOf(outside: Outside): Tools {
  return {
    work: {
      description: "Does a piece of work outside",
      parameters: {
        type: "object",
        properties: { task: { type: "object" }, n: { type: "integer" } },
        required: ["task", "n"],
      },
      async execute({ task, n }: { task: Task; n: number }, { key }) {
        await did(outside, task, `tool ${n}`);
        await outside.count(`${task.id} tool ${n} ${key}`);
        return `Piece ${n} is done`;
      },
    },
    delegate: {
      description: "Has a child do something",
      parameters: {
        type: "object",
        properties: { name: { type: "string" }, say: { type: "string" } },
        required: ["name", "say"],
      },
      perform: ({ name, say }: { name: string; say: string }, ctx: Context) =>
        ctx.spawn(name, { type: "keeper", payload: say }),
    },
  };
}

/** What the model says: all that it knows is what it is told. */
async function answer(outside: Outside, { messages }: ScriptedAsk): Promise<ScriptedReply> {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const { text } = messages[asked]!;
  if (!text.startsWith("{")) {
    const first = messages.find(({ role }) => role === "user")!;
    return { text: `You told me first: ${first.text}`, usage: USED };
  }
  const task = JSON.parse(text) as Task;
  const results = messages.slice(asked).filter(({ role }) => role === "tool");
  const n = results.length;
  await did(outside, task, `model ${n}`);
  const call = task.calls[n];
  if (call === undefined) {
    return {
      text: ["It is done.", ...results.map((result) => result.text)].join(" "),
      usage: USED,
    };
  }
  const input = call.input ?? { task: { id: task.id, calls: [], halt: task.halt ?? [] }, n };
  return { text: `Now ${n}.`, toolCalls: [{ name: call.tool, input }], usage: USED };
}

/** Counts a step, and stands still in it where the task says so, until the process dies or the gate is opened. */
async function did(outside: Outside, { id, halt = [] }: Task, step: string): Promise<void> {
  const tries = await outside.count(`${id} ${step}`);
  if (tries > 1 || !halt.includes(step)) return;
  await outside.open(`${id} ${step} reached`);
  await outside.pass(`${id} ${step}`);
}

const standard = {
  version: 1,
  vendor: "openagents",
  validate: (value: unknown) =>
    typeof (value as { total?: unknown }).total === "number"
      ? { value: value as { total: number } }
      : { issues: [{ message: "must be a number", path: ["total"] }] },
  jsonSchema: {
    input: () => ({
      type: "object",
      properties: { total: { type: "number" } },
      required: ["total"],
    }),
  },
} as const;

/** Accepts `{ total }`, and says so to models too. */
const total: StandardSchema<{ total: number }> = { "~standard": standard };
