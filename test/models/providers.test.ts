import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type {
  LanguageModelV4,
  LanguageModelV4FunctionTool,
  LanguageModelV4Message,
} from "@ai-sdk/provider";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";
import { callModel } from "../../src/models/index.ts";
import type { CallOptions } from "../../src/models/index.ts";
import { contentOf } from "../../src/models/prompt.ts";
import { listen } from "../../src/models/scripted-listener.ts";
import { scriptedServer } from "../../src/models/scripted.ts";
import type { Script, ScriptedServer } from "../../src/models/scripted.ts";

// The packages that users have, over HTTP, to the scripted server on a port.

const run = promisify(execFile);
const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }];
const tools: LanguageModelV4FunctionTool[] = [
  {
    type: "function",
    name: "look",
    inputSchema: { type: "object", properties: { at: { type: "string" } } },
  },
];

const PROVIDERS: Readonly<Record<string, (baseURL: string) => LanguageModelV4>> = {
  "@ai-sdk/openai-compatible": (baseURL) =>
    createOpenAICompatible({ name: "scripted", baseURL, includeUsage: true })("m"),
  "@ai-sdk/openai": (baseURL) => createOpenAI({ baseURL, apiKey: "none" })("gpt-5"),
  "@ai-sdk/openai, chat": (baseURL) => createOpenAI({ baseURL, apiKey: "none" }).chat("gpt-4o"),
  "@ai-sdk/anthropic": (baseURL) => createAnthropic({ baseURL, apiKey: "none" })("claude-opus-4-6"),
};

/** Runs `work` with a model of each package, each time with a server of its own. */
async function withEach(
  script: Script,
  work: (model: LanguageModelV4, server: ScriptedServer) => Promise<void>,
): Promise<void> {
  for (const make of Object.values(PROVIDERS)) {
    const server = scriptedServer(script);
    await using listening = await listen(server);
    await work(make(listening.url), server);
  }
}

/** As `callModel`, without long waits between tries. */
const call = (model: LanguageModelV4, options: Partial<CallOptions> = {}) =>
  callModel({ prompt, tools }, { model, ...options, limits: { backoff: 1, ...options.limits } });

/** Waits until the server has seen how its first request ended. */
async function ended(server: ScriptedServer): Promise<string> {
  for (;;) {
    const how = server.requests[0]?.ended;
    if (how !== undefined) return how;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

void test("over HTTP: text, tool calls and usage come as the server sent them", async () => {
  const reply = {
    text: "I will look, ünicode and all 🙂",
    toolCalls: [
      { name: "look", input: { at: "sky" } },
      { name: "look", input: { at: "sea" } },
    ],
    usage: { input: 20, output: 8, cacheRead: 5, reasoning: 2 },
  };
  await withEach([reply], async (model, server) => {
    const result = await call(model);
    assert.equal(result.text, reply.text);
    assert.deepEqual(result.toolCalls, [
      { id: "call-0-0", name: "look", input: '{"at":"sky"}' },
      { id: "call-0-1", name: "look", input: '{"at":"sea"}' },
    ]);
    assert.deepEqual(result.usage, { ...reply.usage, cacheWrite: 0 });
    assert.equal(result.finish, "tool-calls");
    assert.deepEqual(server.requests[0]!.ask.tools, ["look"]);
  });
});

void test("over HTTP: each package speaks its own API, and a script sees the same in each", async () => {
  const look = { reasoning: "I must look", toolCalls: [{ name: "look", input: { at: "sky" } }] };
  const script: Script = ({ last, messages }) => (messages.length < 3 ? look : `So: ${last}`);
  const apis: string[] = [];
  await withEach(script, async (model, server) => {
    const asked: LanguageModelV4Message[] = [{ role: "system", content: "Be brief" }, ...prompt];
    const first = await callModel({ prompt: asked, tools }, { model });
    assert.equal(first.finish, "tool-calls");
    // That of OpenAI's chat API has no reasoning.
    const thought = first.content.flatMap((part) => (part.type === "reasoning" ? [part.text] : []));
    assert.deepEqual(thought, model.provider === "openai.chat" ? [] : ["I must look"]);
    const { id, name } = first.toolCalls[0]!;
    const said = contentOf(
      first.content,
      first.model.provider,
    ) as unknown as LanguageModelV4Message["content"];
    const output = { type: "text" as const, value: "It is blue" };
    const result = { type: "tool-result" as const, toolCallId: id, toolName: name, output };
    const second = [
      ...asked,
      { role: "assistant", content: said },
      { role: "tool", content: [result] },
    ] as LanguageModelV4Message[];
    const { text, finish } = await callModel({ prompt: second, tools }, { model });
    assert.deepEqual([text, finish], ["So: It is blue", "stop"]);
    const { messages } = server.requests[1]!.ask;
    assert.deepEqual(
      messages.map((message) => [message.role, message.text, message.toolCalls]),
      [
        ["system", "Be brief", []],
        ["user", "Hello", []],
        ["assistant", "", [{ id, name }]],
        ["tool", "It is blue", []],
      ],
    );
    apis.push(server.requests[1]!.api);
  });
  assert.deepEqual(apis, ["chat", "responses", "chat", "messages"]);
});

void test("over HTTP: an answer in one piece is the same as a streamed one", async () => {
  const reply = { text: "Good day", toolCalls: [{ name: "look", input: { at: "sky" } }] };
  await withEach(
    () => reply,
    async (model) => {
      const { content, finishReason, usage } = await model.doGenerate({ prompt, tools });
      const shown = content.map((part) => (part.type === "tool-call" ? part.input : part.type));
      assert.deepEqual([...shown, finishReason.unified], ["text", '{"at":"sky"}', "tool-calls"]);
      const streamed = await call(model);
      assert.equal(usage.outputTokens.total, streamed.usage.output);
    },
  );
});

void test("over HTTP: an answer that ended for a reason says which", async () => {
  for (const finish of ["length", "content-filter"] as const) {
    await withEach([{ text: "Well", finish }], async (model) => {
      assert.equal((await call(model)).finish, finish);
    });
  }
  await withEach(
    ({ n }) => (n === 0 ? { text: "Well", finish: "error" } : "Here"),
    async (model) => {
      assert.equal((await call(model)).text, "Here");
    },
  );
});

void test("over HTTP: 500 and then 200 is an answer", async () => {
  await withEach([{ error: { status: 500 } }, "Here"], async (model, server) => {
    const { text, tries } = await call(model);
    assert.deepEqual([text, tries, server.requests.length], ["Here", 2, 2]);
  });
});

void test("over HTTP: 429 is waited for as long as Retry-After says", async () => {
  await withEach([{ error: { status: 429, retryAfter: 3600 } }], async (model) => {
    await assert.rejects(call(model), { code: "RATE_LIMITED", retryAfter: 3_600_000 });
  });
  await withEach([{ error: { status: 429, retryAfter: 0 } }, "Here"], async (model) => {
    assert.equal((await call(model, { limits: { backoff: "1h" } })).text, "Here");
  });
});

void test("over HTTP: a connection that breaks in the middle is tried again", async () => {
  const broken = {
    text: "some of what it was to be",
    fault: { kind: "disconnect", after: 2 },
  } as const;
  await withEach([broken, "All of it"], async (model) => {
    const { text, tries } = await call(model);
    assert.deepEqual([text, tries], ["All of it", 2]);
  });
});

void test("over HTTP: an answer that is cut off at its end is tried again", async () => {
  const cut = { text: "some of what it was to be", fault: { kind: "end", after: 1 } } as const;
  await withEach([cut, "All of it"], async (model) => {
    assert.equal((await call(model)).text, "All of it");
  });
});

void test("over HTTP: a piece that is no JSON is tried again", async () => {
  const broken = { text: "some of what it was", fault: { kind: "malformed" } } as const;
  await withEach([broken, "All of it"], async (model) => {
    assert.equal((await call(model)).text, "All of it");
  });
});

void test("over HTTP: a stall ends, the server is left, and the next try answers", async () => {
  const stalled = { text: "and then", fault: { kind: "stall" } } as const;
  // A busy machine may take long for an answer that comes: that is tried again too.
  const script: Script = ({ n }) => (n === 0 ? stalled : "At last");
  await withEach(script, async (model, server) => {
    const { text } = await call(model, { limits: { stall: 200, retries: 20 } });
    assert.equal(text, "At last");
    assert.equal(await ended(server), "aborted");
  });
});

void test("over HTTP: an answer without end is refused, and the server is left", async () => {
  await withEach([{ fault: { kind: "endless" } }], async (model, server) => {
    await assert.rejects(call(model, { limits: { answerSize: 10_000 } }), { code: "LIMIT" });
    assert.equal(await ended(server), "aborted");
  });
});

void test("over HTTP: an abort reaches the server", async () => {
  await withEach([{ text: "and then", fault: { kind: "stall" } }], async (model, server) => {
    const stop = new AbortController();
    const result = call(model, {
      signal: stop.signal,
      onPart: ({ type }) => type === "text-delta" && stop.abort(new Error("Enough")),
    });
    await assert.rejects(result, { message: "Enough" });
    assert.equal(await ended(server), "aborted");
  });
});

void test("over HTTP: arguments that are no JSON come as they are", async () => {
  await withEach([{ toolCalls: [{ name: "look", input: '{"at": sky' }] }], async (model) => {
    assert.deepEqual((await call(model)).toolCalls, [
      { id: "call-0-0", name: "look", input: '{"at": sky' },
    ]);
  });
});

void test("over HTTP: who is refused is told so once, and nobody there is tried again", async () => {
  await withEach([{ error: { status: 401, message: "No such key" } }], async (model) => {
    await assert.rejects(call(model), { code: "DENIED", message: /: No such key$/ });
  });
  const { url, ...gone } = await listen(() => new Response());
  await gone[Symbol.asyncDispose]();
  for (const make of Object.values(PROVIDERS)) {
    await assert.rejects(call(make(url)), { code: "UNREACHABLE", message: /tried 3 times/ });
  }
});

void test("the AI SDK itself takes the server's answers and the scripted model's", async () => {
  await withEach(["Good day"], async (model) => {
    assert.equal((await generateText({ model, prompt: "Hello" })).text, "Good day");
  });
});

void test("a process that waits between two tries does not end", async () => {
  const script = `
    import { callModel } from "./src/models/index.ts";
    import { scriptedModel } from "./src/models/scripted.ts";
    const prompt = [{ role: "user", content: [{ type: "text", text: "Hello" }] }];
    const model = scriptedModel([{ error: { status: 500 } }, "Here"]);
    console.log((await callModel({ prompt }, { model, limits: { backoff: 50 } })).text);
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
  assert.equal(stdout, "Here\n");
});
