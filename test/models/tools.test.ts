import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonSchema, tool } from "ai";
import { z } from "zod";
import { defineAgent } from "../../src/index.ts";
import type { Context } from "../../src/index.ts";
import { systemClock } from "../../src/core/system.ts";
import { defineTool } from "../../src/models/index.ts";
import type { ModelToolCall, SecretStore, Tools } from "../../src/models/index.ts";
import { runTools } from "../../src/models/run-tool.ts";
import { Secrets } from "../../src/models/secrets.ts";
import { readyTools, toolForModel } from "../../src/models/tool.ts";
import { setting } from "../core/setting.ts";

/** Carries out calls in a tick; what the model is told of each, and the record of that tick. */
async function run(tools: Tools, calls: readonly Partial<ModelToolCall>[], store?: SecretStore) {
  const told: unknown[] = [];
  const agent = defineAgent({
    name: "a",
    onMessage: async (ctx: Context) => {
      const all = calls.map(({ name = "", input = "{}" }, i) => ({ id: `${i}`, name, input }));
      const given = {
        ctx,
        tools: readyTools(tools),
        secrets: new Secrets(store),
        clock: systemClock,
        outputBytes: 1e9,
      };
      for (const { output } of await runTools(all, given)) told.push(output);
    },
  });
  const { tell } = await setting([agent]);
  const record = await tell("a", "go");
  return { told, record };
}

void test("a tool's result is told as text or as JSON, and its call is a step", async () => {
  const tools: Tools = {
    text: { execute: () => "Fine" },
    json: {
      execute: () => ({ at: new Date(0), left: undefined, list: [1n, new Uint8Array([1])] }),
    },
    nothing: { execute: () => undefined },
  };
  const { told, record } = await run(tools, [
    { name: "text" },
    { name: "json" },
    { name: "nothing", input: "" },
  ]);
  assert.deepEqual(told, [
    { type: "text", value: "Fine" },
    { type: "json", value: { at: "1970-01-01T00:00:00.000Z", list: ["1", "AQ=="] } },
    { type: "text", value: "Done" },
  ]);
  assert.deepEqual(
    record.steps!.map(({ key }) => key),
    ["step:tool:text#0", "step:tool:json#0", "step:tool:nothing#0"],
  );
});

void test("whatever goes wrong with a call is its result", async () => {
  const tools: Tools = {
    fails: {
      execute() {
        throw new Error("It is raining");
      },
    },
    typed: defineTool({
      inputSchema: z.object({ n: z.number().min(1) }),
      execute: ({ n }) => n + 1,
    }),
    plain: {
      parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
      execute: ({ n }: { n: number }) => n + 1,
    },
  };
  const { told, record } = await run(tools, [
    { name: "fails" },
    { name: "missing" },
    { name: "typed", input: '{"n": 0}' },
    { name: "plain", input: '{"n": "1"}' },
    { name: "plain", input: '{"n": 1' },
    { name: "typed", input: '{"n": 1}' },
    { name: "plain", input: '{"n": 2}' },
  ]);
  assert.deepEqual(told.slice(0, 4), [
    { type: "error-text", value: "It is raining" },
    { type: "error-text", value: 'There is no tool "missing". There are: fails, typed, plain' },
    {
      type: "error-text",
      value: 'The input of "typed" does not fit: "n": Too small: expected number to be >=1',
    },
    { type: "error-text", value: 'The input of "plain" does not fit: "n" must be integer' },
  ]);
  assert.match((told[4] as { value: string }).value, /^The input of "plain" is no JSON: /);
  assert.deepEqual(told.slice(5), [
    { type: "json", value: 2 },
    { type: "json", value: 3 },
  ]);
  assert.equal(record.outcome, "done");
});

void test("calls of parallel tools run beside each other, and others alone", async () => {
  let running = 0;
  const seen: number[] = [];
  const work = async (): Promise<void> => {
    running += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    seen.push(running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running -= 1;
  };
  const tools: Tools = {
    read: { readOnly: true, execute: work },
    write: { execute: work },
  };
  const names = ["read", "read", "read", "write", "write", "read"];
  await run(
    tools,
    names.map((name) => ({ name })),
  );
  while (seen.length < names.length) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(seen, [3, 3, 3, 1, 1, 1]);
});

void test("a long result is cut, at a whole character, and says so", async () => {
  const tools: Tools = {
    text: { execute: () => "é".repeat(50), outputBytes: 11 },
    json: { execute: () => ["x".repeat(50)], outputBytes: 10 },
    fits: { execute: () => "é".repeat(5), outputBytes: 10 },
    huge: { execute: () => "🙂".repeat(12_500_000) },
  };
  const { told } = await run(
    tools,
    ["text", "json", "fits", "huge"].map((name) => ({ name })),
  );
  assert.deepEqual(told.slice(0, 3), [
    { type: "text", value: `${"é".repeat(5)}\n[cut: 90 of 100 bytes left out]` },
    { type: "text", value: `["xxxxxxxx\n[cut: 44 of 54 bytes left out]` },
    { type: "text", value: "ééééé" },
  ]);
  const { value } = told[3] as { value: string };
  assert.equal(value, `${"🙂".repeat(16_384)}\n[cut: 49934464 of 50000000 bytes left out]`);
});

void test("a secret goes to the tool that names it, and never comes back", async () => {
  const secret = 'k"é/y-123';
  const store: SecretStore = (name) => (name === "KEY" ? secret : undefined);
  const encoded = Buffer.from(secret).toString("base64");
  const tools: Tools = {
    echo: {
      secrets: ["KEY", "OTHER"],
      execute: async (_: unknown, { secret: get }) =>
        `it is ${await get("KEY")}, ${encodeURIComponent(secret)}`,
    },
    json: { execute: () => ({ [secret]: [secret, `Bearer ${encoded}`] }) },
    throws: {
      execute() {
        throw new Error(`401 for ${secret}`);
      },
    },
    thief: { execute: (_: unknown, { secret: get }) => get("KEY") },
    none: { secrets: ["OTHER"], execute: (_: unknown, { secret: get }) => get("OTHER") },
  };
  const names = ["echo", "json", "throws", "thief", "none"];
  const { told, record } = await run(
    tools,
    names.map((name) => ({ name })),
    store,
  );
  assert.deepEqual(told, [
    { type: "text", value: "it is [secret KEY], [secret KEY]" },
    { type: "json", value: { "[secret KEY]": ["[secret KEY]", "Bearer [secret KEY]=="] } },
    { type: "error-text", value: "401 for [secret KEY]" },
    {
      type: "error-text",
      value: 'Cannot give secret "KEY": the tool does not name it in "secrets"',
    },
    { type: "error-text", value: 'Cannot give secret "OTHER": there is none of this name' },
  ]);
  assert.ok(!JSON.stringify(record).includes('k\\"é'));
});

void test("a result is what toModelOutput makes of it, within the same bounds", async () => {
  const picture = Buffer.from("a picture").toString("base64");
  const output = (value: unknown) => ({ execute: () => 1, toModelOutput: () => value });
  const tools: Tools = {
    shot: tool({
      inputSchema: z.object({ of: z.string() }),
      execute: ({ of }) => ({ of, picture }),
      toModelOutput: ({ input, output, toolCallId }) => ({
        type: "content",
        value: [
          { type: "text", text: `${toolCallId}: ${input.of}, ${output.of}` },
          { type: "file", mediaType: "image/png", data: { type: "data", data: output.picture } },
        ],
      }),
    }),
    large: {
      ...output({
        type: "content",
        value: [
          { type: "text", text: "x".repeat(30) },
          { type: "file", mediaType: "a/b", data: { type: "data", data: new Uint8Array(5e7) } },
          { type: "media", mediaType: "a/b", data: picture },
          { type: "image-url", url: "http://x.test/" },
          { type: "nonsense" },
          null,
        ],
      }),
      outputBytes: 10,
    },
    json: { ...output({ type: "json", value: { long: "x".repeat(50) } }), outputBytes: 10 },
    denied: output({ type: "execution-denied", reason: "Not today" }),
    wrong: output({ type: "what" }),
    none: { ...output(undefined), perform: () => 1 },
  };
  delete (tools["none"] as { execute?: unknown }).execute;
  const names = ["shot", "large", "json", "denied", "wrong", "none"];
  const { told } = await run(
    tools,
    names
      .map((name) => ({ name, input: '{"of":"x"}' }))
      .map((one, i) => (i === 0 ? one : { ...one, input: "" })),
  );
  const data = { type: "data", data: picture };
  assert.deepEqual(told, [
    {
      type: "content",
      value: [
        { type: "text", text: "0: x, x" },
        { type: "file", mediaType: "image/png", data },
      ],
    },
    {
      type: "content",
      value: [
        { type: "text", text: `${"x".repeat(10)}\n[cut: 20 of 30 bytes left out]` },
        { type: "text", text: "[a/b left out: it is too large]" },
        { type: "file", mediaType: "a/b", data },
        { type: "file", mediaType: "file", data: { type: "url", url: "http://x.test/" } },
        { type: "text", text: "[file left out: there is no such part]" },
        { type: "text", text: "[file left out: there is no such part]" },
      ],
    },
    { type: "text", value: '{"long":"x\n[cut: 51 of 61 bytes left out]' },
    { type: "execution-denied", reason: "Not today" },
    { type: "error-text", value: '"toModelOutput" gave no output of the AI SDK' },
    { type: "error-text", value: '"toModelOutput" gave no output of the AI SDK' },
  ]);
});

void test("an answer with very many calls has some carried out, and is told of the rest", async () => {
  let count = 0;
  const calls = Array.from({ length: 200 }, () => ({ name: "one" }));
  const tools: Tools = { one: { readOnly: true, execute: () => (count += 1) } };
  const { told } = await run(tools, calls);
  assert.deepEqual([count, told.length], [128, 200]);
  assert.deepEqual(told[199], {
    type: "error-text",
    value: "This was not carried out: an answer may have 128 calls",
  });
});

void test("what is told of a wrong call is short, however long its name and input are", async () => {
  const long = "x".repeat(1_000_000);
  const members = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`m${i}`, 1]));
  const nothing = { execute: () => 1 };
  const { told } = await run({ nothing }, [
    { name: long },
    { name: "nothing", input: long },
    { name: "nothing", input: JSON.stringify({ [long]: 1 }) },
    { name: "nothing", input: JSON.stringify(members) },
    { name: "nothing", input: "[".repeat(100_000) + "]".repeat(100_000) },
  ]);
  for (const one of told as { type: string; value: string }[]) {
    assert.equal(one.type, "error-text");
    assert.ok(one.value.length <= 2000);
  }
});

void test("a tool that gives results without end is asked for no more once it is late", async () => {
  const left = Promise.withResolvers<void>();
  const tools: Tools = {
    endless: {
      timeout: 20,
      async *execute() {
        try {
          for (;;) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            yield 1;
          }
        } finally {
          left.resolve();
        }
      },
    },
  };
  const kept = setInterval(() => undefined, 1000);
  const told = new Promise<unknown>((resolve) => {
    void run({ ...tools, after: { perform: () => resolve("went on") } }, [
      { name: "endless" },
      { name: "after" },
    ]);
  });
  assert.equal(await told, "went on");
  await left.promise;
  clearInterval(kept);
});

void test("a call that takes too long ends, and its tool is told", async () => {
  let reason: unknown;
  const tools: Tools = {
    slow: {
      timeout: 10,
      execute: (_: unknown, { signal }) =>
        new Promise(() => signal.addEventListener("abort", () => (reason = signal.reason))),
    },
  };
  const kept = setInterval(() => undefined, 1000);
  const told = new Promise<unknown>((resolve) => {
    void run({ slow: tools["slow"]!, after: { perform: () => resolve("went on") } }, [
      { name: "slow" },
      { name: "after" },
    ]);
  });
  assert.equal(await told, "went on");
  clearInterval(kept);
  assert.match(String(reason), /"slow" took longer than 10 ms/);
});

void test("a tool with perform works on the agent, in the tick and as no step", async () => {
  const tools: Tools = {
    remember: defineTool({
      inputSchema: z.object({ what: z.string() }),
      perform: ({ what }, ctx) => {
        ctx.state["what"] = what;
        return "Kept";
      },
    }),
  };
  const { told, record } = await run(tools, [{ name: "remember", input: '{"what":"tea"}' }]);
  assert.deepEqual(told, [{ type: "text", value: "Kept" }]);
  assert.equal(record.steps, undefined);
  assert.ok(Object.keys(record.wrote ?? {}).includes("state/what"));
});

void test("tools of the AI SDK are tools, also those that give one result after another", async () => {
  const tools: Tools = {
    weather: tool({
      description: "The weather",
      inputSchema: z.object({ city: z.string() }),
      execute: ({ city }, { toolCallId }) => Promise.resolve({ city, toolCallId }),
    }),
    counts: tool({
      inputSchema: jsonSchema<{ to: number }>({
        type: "object",
        properties: { to: { type: "integer" } },
        required: ["to"],
      }),
      async *execute({ to }) {
        for (let n = 1; n <= to; n += 1) yield await Promise.resolve({ n });
      },
    }),
  };
  const { told } = await run(tools, [
    { name: "weather", input: '{"city":"Oslo"}' },
    { name: "counts", input: '{"to":3}' },
    { name: "counts", input: '{"to":"3"}' },
  ]);
  assert.deepEqual(told, [
    { type: "json", value: { city: "Oslo", toolCallId: "0" } },
    { type: "json", value: { n: 3 } },
    { type: "error-text", value: 'The input of "counts" does not fit: "to" must be integer' },
  ]);
  const [weather] = [...readyTools(tools).values()].map(toolForModel);
  assert.equal(weather!.description, "The weather");
  assert.deepEqual(weather!.inputSchema.required, ["city"]);
});

void test("readyTools() refuses what cannot be a tool, and says how to make it one", () => {
  const cases: readonly (readonly [Tools, RegExp])[] = [
    [{ "a b": { execute: () => 1 } }, /Cannot use tool "a b": its name must be 1 to 64 letters/],
    [{ a: {} }, /it must have one of "execute" and "perform"$/],
    [{ a: { execute: () => 1, perform: () => 1 } }, /one of "execute" and "perform"$/],
    [{ a: { execute: () => 1, parameters: { type: "string" } } }, /must be an object$/],
    [{ a: { execute: () => 1, inputSchema: z.string() } }, /must be an object$/],
    [
      { a: { execute: () => 1, inputSchema: { "~standard": { version: 1, vendor: "x" } } } },
      /its schema cannot be made JSON Schema/,
    ],
    [
      { a: tool({ inputSchema: z.object({}), execute: () => 1, needsApproval: true }) },
      /it says "needsApproval", and there is no asking for approvals yet: leave that out/,
    ],
  ];
  for (const [tools, message] of cases) {
    assert.throws(() => readyTools(tools), { code: "CONFIG", message });
  }
});
