import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createRuntime, defineAgent, defineRuntime } from "../../src/index.ts";
import type { AgentOptions, Answer, Runtime, TickOutput, TickRecord } from "../../src/index.ts";
import type { LiveEvent } from "../../src/core/followers.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { listen } from "../../src/models/scripted-listener.ts";
import { scriptedServer } from "../../src/models/scripted.ts";
import type { Script, ScriptedReply, ScriptedServer } from "../../src/models/scripted.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { signer } from "../core/setting.ts";

// What goes wrong with a provider or a tool, as whoever writes to the agent sees it, and as it is on the record.

const KEY = "sk-the-key-of-the-provider";
const SECRET = "hunter2-and-then-some";
const RATES = { input: 1_000_000, output: 1_000_000, cacheRead: 0, cacheWrite: 0 };
const USAGE = { input: 100, output: 10 };

interface Told {
  readonly answer: Answer;
  readonly records: readonly TickRecord[];
  readonly outputs: readonly TickOutput[];
  /** What a client that appends what is told of the model's steps has in the end. */
  readonly text: string;
  /** Of the failed tries of the steps too. */
  readonly live: readonly LiveEvent[];
  readonly server: ScriptedServer;
  readonly runtime: Runtime;
  readonly spent: number;
}

/** Writes to an agent whose model is behind HTTP, and looks at all that can be seen of it. */
async function tell(
  script: Script,
  { began, ...options }: Partial<AgentOptions> & { readonly began?: (runtime: Runtime) => void },
  look: (told: Told) => void | Promise<void>,
): Promise<void> {
  const server = scriptedServer(script);
  await using listening = await listen(server);
  const limits = { backoff: 1, retries: 1, ...options.think?.limits };
  const agent = defineAgent({
    name: "a",
    model: {
      model: "openai-compatible/scripted",
      baseURL: listening.url,
      apiKey: { secret: "KEY" },
    },
    retry: { retries: 0 },
    ...options,
    think: { prices: { scripted: RATES }, ...options.think, limits },
  });
  const runtime = createRuntime({
    definition: defineRuntime({ agents: [agent], ensure: [{ name: "a", type: "a" }] }),
    store: memoryStore(),
    signer,
    memory: agentMemory,
    thinker: modelThinker(),
    secrets: async (name) => ({ KEY, SECRET })[name],
  });
  await runtime.start();
  began?.(runtime);
  try {
    const live: LiveEvent[] = [];
    const texts = new Map<string, string>();
    const { id } = await runtime.get("a");
    runtime.follow(id, (event) => {
      live.push(event);
      if (event.event !== "delta" || event.kind === "input" || event.kind === "reasoning") return;
      const had = event.kind === "void" ? "" : (texts.get(event.key) ?? "");
      texts.set(event.key, event.kind === "void" ? "" : had + event.text);
    });
    const answer = await runtime.ask("a", { payload: "Hello" }, { timeout: 20_000 });
    const rows = await runtime.log("a", 1, 100);
    assert.ok((await runtime.verify("a")).ok);
    await look({
      answer,
      records: rows.map(({ record }) => JSON.parse(record) as TickRecord),
      outputs: rows.map(({ output }) => JSON.parse(output ?? "{}") as TickOutput),
      text: [...texts.values()].at(-1) ?? "",
      live,
      server,
      runtime,
      spent: (await runtime.status("a")).spent?.total.tokens ?? 0,
    });
    assert.equal((await runtime.status("a")).status, "active", "the agent goes on");
  } finally {
    await runtime.stop(0);
  }
}

const stepsOf = (records: readonly TickRecord[]): readonly string[] =>
  records.flatMap(({ steps = [] }) => steps.map(({ key }) => key));

const outcomes = (records: readonly TickRecord[]): readonly string[] =>
  records.map(({ outcome }) => outcome);

const FAULTS: Readonly<Record<string, ScriptedReply>> = {
  "a connection that breaks in the middle": {
    text: "some of what it was to be, and more of it",
    fault: { kind: "disconnect", after: 2 },
  },
  "an answer that ends in the middle": {
    text: "some of what it was to be, and more of it",
    fault: { kind: "end", after: 2 },
  },
  "a part that is no JSON": {
    text: "some of what it was to be, and more of it",
    fault: { kind: "malformed", after: 2 },
  },
  "an answer that stalls": {
    text: "some of what it was to be, and more of it",
    fault: { kind: "stall", after: 2 },
  },
  "500": { error: { status: 500 } },
  "429 with Retry-After": { error: { status: 429, retryAfter: 0 } },
};

const QUICK = { think: { limits: { stall: 100 } } };

for (const [name, fault] of Object.entries(FAULTS)) {
  void test(`${name}, and then a whole answer: the sender gets that alone, in one step`, async () => {
    const script: Script = ({ n }) => (n === 0 ? fault : { text: "All of it", usage: USAGE });
    await tell(script, QUICK, ({ answer, records, text, server, live, spent }) => {
      // What was begun is paid for, though nobody says how much of it there was.
      const isBegun = fault.error === undefined;
      assert.ok(isBegun ? spent > 110 && spent < 220 : spent === 110, `${spent} tokens`);
      assert.deepEqual([answer.outcome, answer.replies], ["done", ["All of it"]]);
      assert.deepEqual(outcomes(records), ["done"]);
      assert.deepEqual(stepsOf(records), ["step:model#0"]);
      assert.equal(text, "All of it", "what was told of the first try is void");
      assert.equal(server.requests.length, 2);
      const voids = live.filter((event) => event.event === "delta" && event.kind === "void");
      assert.equal(voids.length, 1);
    });
  });

  void test(`${name}, time after time: the sender gets an error, and the record has it`, async () => {
    await tell(
      () => fault,
      QUICK,
      ({ answer, records, outputs, server, spent }) => {
        assert.equal(spent > 0, fault.error === undefined, `${spent} tokens`);
        assert.equal(answer.outcome, "failed");
        const code = name.startsWith("429") ? "RATE_LIMITED" : "UNREACHABLE";
        assert.equal(answer.error?.code, code, answer.error?.message);
        assert.match(
          answer.error.message,
          /^Cannot call model "openai-compatible\/scripted": .*\(tried 2 times\)$/s,
        );
        assert.deepEqual(outcomes(records), ["failed"]);
        assert.equal(records[0]!.error?.code, code);
        assert.deepEqual(
          outputs.flatMap(({ replies = [] }) => replies),
          [],
        );
        assert.equal(server.requests.length, 2, "as often as the limits say");
      },
    );
  });
}

void test("an agent whose provider cannot be reached is tried again later, and answers then", async () => {
  const script: Script = ({ n }) => (n < 3 ? { error: { status: 503 } } : "Here I am");
  const retry = { retries: 3, backoff: 5, maxBackoff: 5 };
  await tell(script, { retry }, ({ answer, records, server }) => {
    assert.deepEqual([answer.outcome, answer.replies], ["done", ["Here I am"]]);
    assert.deepEqual(outcomes(records), ["retry", "done"]);
    assert.equal(server.requests.length, 4);
  });
});

void test("an answer without an end is cut off by its size, and is an error that no retry mends", async () => {
  const endless = { text: "and so on, ", fault: { kind: "endless" } } as const;
  const options = {
    retry: { retries: 3, backoff: 1 },
    think: { limits: { answerSize: 20_000 } },
  };
  await tell(
    () => endless,
    options,
    async ({ answer, records, server, live }) => {
      assert.deepEqual([answer.outcome, answer.error?.code], ["failed", "LIMIT"]);
      assert.match(answer.error!.message, /answerSize/);
      assert.deepEqual(outcomes(records), ["failed"]);
      assert.equal(server.requests.length, 1);
      while (server.requests[0]!.ended === undefined) await new Promise(setImmediate);
      assert.equal(server.requests[0]!.ended, "aborted", "the provider need not go on");
      const told = live.reduce(
        (sum, event) => sum + (event.event === "delta" ? event.text.length : 0),
        0,
      );
      assert.ok(told <= 20_100, `${told} characters were told`);
    },
  );
});

const WORK = {
  parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  execute: ({ n }: { n: number }) => `Piece ${n} is done`,
};

void test("calls of tools that are wrong are told to the model, which puts them right", async () => {
  const wrong = [
    { name: "work", input: '{"n": 1' },
    { name: "work", input: "[]" },
    { name: "work", input: { n: "one" } },
    { name: "wrok", input: { n: 1 } },
    { name: "constructor", input: {} },
  ];
  const script: Script = ({ n, last }) =>
    n === 0
      ? { toolCalls: wrong, usage: USAGE }
      : n === 1
        ? { text: last, toolCalls: [{ name: "work", input: { n: 1 } }], usage: USAGE }
        : { text: `So: ${last}`, usage: USAGE };
  await tell(script, { tools: { work: WORK } }, ({ answer, records, server, spent }) => {
    assert.deepEqual(answer.replies, ["So: Piece 1 is done"]);
    assert.deepEqual(outcomes(records), ["done"]);
    const results = server.requests[1]!.ask.messages.filter(({ role }) => role === "tool");
    const told = results.map(({ text }) => text);
    assert.match(told[0]!, /The input of "work" is no JSON/);
    assert.match(told[1]!, /The input of "work" does not fit/);
    assert.match(told[2]!, /The input of "work" does not fit/);
    assert.match(told[3]!, /There is no tool "wrok". There are: work/);
    assert.match(told[4]!, /There is no tool "constructor"/);
    assert.equal(spent, 3 * 110);
  });
});

void test("a tool that gives 50 MB costs neither the record nor the model more than the limit", async () => {
  const size = 50 * 1024 * 1024;
  const tools = {
    text: { execute: () => "x".repeat(size) },
    lines: { execute: () => Array.from({ length: 500_000 }, (_, i) => `line ${i} of a list`) },
    throws: {
      execute: () => {
        throw new Error("y".repeat(size));
      },
    },
  };
  const script: Script = ({ n }) =>
    n === 0 ? { toolCalls: Object.keys(tools).map((name) => ({ name })) } : "I saw it";
  const options = { tools, think: { contextTokens: 1_000_000 } };
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  await tell(script, options, async ({ answer, records, outputs, server, runtime }) => {
    assert.deepEqual(answer.replies, ["I saw it"]);
    const asked = JSON.stringify(server.requests[1]!.body).length;
    assert.ok(asked > 100_000 && asked < 150_000, `the model was asked with ${asked} characters`);
    assert.match(server.requests[1]!.ask.messages.at(-1)!.text, /^y+/);
    assert.ok(JSON.stringify([records, outputs]).length < 10_000);
    const { parts } = await memoryOf(runtime);
    assert.ok(parts.join("").length < 200_000);
    collect();
    const more = process.memoryUsage().heapUsed - before;
    assert.ok(more < 20_000_000, `${more} bytes are still held`);
  });
});

/** All that the agent remembers, as text. */
async function memoryOf(runtime: Runtime): Promise<{ readonly parts: readonly string[] }> {
  const parts: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await runtime.files("a", {
      limit: 1_000,
      ...(cursor !== undefined && { cursor }),
    });
    parts.push(...page.items.map((item) => JSON.stringify(item)));
    cursor = page.cursor;
    if (cursor === undefined) return { parts };
  }
}

void test("a secret that a tool was given is nowhere to be seen, however it is written", async () => {
  const hides = {
    plain: (secret: string) => `It is ${secret}.`,
    json: (secret: string) => ({ [secret]: [{ token: `Bearer ${secret}` }] }),
    base64: (secret: string) => btoa(`user:${secret}`),
    encoded: (secret: string) => `?token=${encodeURIComponent(secret)}`,
    throws(secret: string) {
      throw new Error(`401 for ${secret}`);
    },
  };
  const tools = Object.fromEntries(
    Object.entries(hides).map(([name, hide]) => [
      name,
      {
        secrets: ["SECRET"],
        execute: async (_: unknown, { secret }: { secret: (name: string) => Promise<string> }) =>
          hide(await secret("SECRET")),
      },
    ]),
  );
  const script: Script = ({ n, messages }) =>
    n === 0
      ? { toolCalls: Object.keys(tools).map((name) => ({ name })) }
      : `They said: ${messages
          .filter(({ role }) => role === "tool")
          .map(({ text }) => text)
          .join(" ")}`;
  await tell(script, { tools }, async (told) => {
    assert.equal(told.answer.outcome, "done");
    assert.match(told.answer.replies[0] as string, /It is .*401 for /);
    const { runtime, server, ...rest } = told;
    const all = JSON.stringify([
      rest,
      await memoryOf(runtime),
      server.requests.map(({ body }) => body),
    ]);
    for (const form of [SECRET, btoa(`user:${SECRET}`), encodeURIComponent(SECRET)]) {
      assert.ok(!all.includes(form), form);
    }
  });
});

void test("a provider that says the key in its error does not have it told on", async () => {
  const error = { status: 401, message: `Incorrect API key provided: ${KEY}` };
  await tell([{ error }], {}, async ({ answer, records, outputs, server, live }) => {
    assert.deepEqual([answer.outcome, answer.error?.code], ["failed", "DENIED"]);
    assert.match(answer.error!.message, /Incorrect API key provided/);
    assert.equal(server.requests[0]!.headers.get("authorization"), `Bearer ${KEY}`);
    assert.ok(!JSON.stringify([answer, records, outputs, live]).includes(KEY));
  });
});

void test("a model that never ends its calls of tools is stopped, and the sender is told", async () => {
  const script: Script = () => ({ toolCalls: [{ name: "work", input: { n: 1 } }], usage: USAGE });
  const options = { tools: { work: WORK }, think: { maxSteps: 3 } };
  await tell(script, options, ({ answer, server, spent }) => {
    assert.match(answer.replies[0] as string, /^I stopped after 3 steps/);
    assert.equal(server.requests.length, 3);
    assert.equal(spent, 3 * 110);
  });
});

void test("a tick that is cancelled in the middle of an answer lets go of the provider, and the sender is told", async () => {
  let cancel = (): void => undefined;
  const script: Script = () => {
    setTimeout(() => cancel(), 20);
    return { text: "some of it and more", fault: { kind: "stall" } };
  };
  const began = (runtime: Runtime): void => void (cancel = () => void runtime.cancel("a"));
  await tell(script, { began }, async ({ answer, records, server }) => {
    assert.deepEqual([answer.outcome, answer.error?.code], ["failed", "CANCELLED"]);
    assert.deepEqual(outcomes(records), ["failed"]);
    assert.equal(server.requests.length, 1);
    while (server.requests[0]!.ended === undefined) await new Promise(setImmediate);
    assert.equal(server.requests[0]!.ended, "aborted");
  });
});

void test("a tick that takes too long in an answer is cut off, and tried again with what it has", async () => {
  const script: Script = ({ n }) =>
    n === 0
      ? { toolCalls: [{ name: "work", input: { n: 1 } }], usage: USAGE }
      : n === 1
        ? { text: "some of it and more", fault: { kind: "stall" } }
        : { text: "All of it", usage: USAGE };
  let done = 0;
  const work = { ...WORK, execute: () => (done += 1) };
  const options = { tools: { work }, timeout: 300, retry: { retries: 1, backoff: 1 } };
  await tell(script, options, ({ answer, records, server, spent }) => {
    assert.deepEqual([answer.outcome, answer.replies], ["done", ["All of it"]]);
    assert.deepEqual(outcomes(records), ["retry", "done"]);
    assert.equal(records[0]!.error?.code, "TIMEOUT");
    assert.deepEqual([done, server.requests.length], [1, 3]);
    assert.ok(spent >= 220, `${spent} tokens`);
  });
});

void test("a secret that a model repeats is in no piece of its answer, and not in the answer", async () => {
  const said = `The token is ${SECRET}, and the key ${KEY}; base64 of it is ${btoa(SECRET)}`;
  const clean =
    /^The token is \[secret SECRET\], and the key \[secret KEY\]; base64 of it is \[secret SECRET\]=*$/;
  const tools = {
    look: {
      parameters: { type: "object" },
      secrets: ["SECRET"],
      execute: (input: unknown) => Object.values(input as object).join(),
    },
  };
  const script: Script = ({ messages }) =>
    messages.some(({ role }) => role === "tool")
      ? { text: said, reasoning: said, chunk: 3 }
      : { toolCalls: [{ name: "look", input: { at: SECRET } }], text: said, chunk: 1 };
  await tell(script, { tools }, ({ answer, records, outputs, live, text }) => {
    assert.equal(answer.outcome, "done");
    assert.match(String(answer.replies[0] as string), clean);
    assert.equal(text, answer.replies[0], "who follows has the same");
    for (const kind of ["text", "reasoning", "input"]) {
      const told = live.map((event) =>
        event.event === "delta" && event.kind === kind ? event.text : "",
      );
      assert.doesNotMatch(told.join(""), /hunter2|sk-the-key/);
      assert.match(told.join(""), /\[secret SECRET\]/);
    }
    assert.doesNotMatch(JSON.stringify([answer, records, outputs]), /hunter2|sk-the-key/);
  });
});
