import assert from "node:assert/strict";
import { test } from "node:test";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { scriptedModel, scriptedServer } from "../../src/models/scripted.ts";

const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hello" }] }];

async function partsOf(stream: ReadableStream<LanguageModelV4StreamPart>) {
  const parts: LanguageModelV4StreamPart[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return parts;
    parts.push(value);
  }
}

void test("scriptedModel() says its replies in order, in pieces, and keeps what it was asked", async () => {
  const model = scriptedModel([
    { text: "Good day to you", reasoning: "Be polite", chunk: 5 },
    { toolCalls: [{ name: "look", input: { at: "sky" } }], usage: { input: 7, output: 3 } },
  ]);
  const parts = await partsOf((await model.doStream({ prompt })).stream);
  assert.deepEqual(
    parts.map(({ type }) => type),
    (
      "stream-start reasoning-start reasoning-delta reasoning-delta reasoning-end " +
      "text-start text-delta text-delta text-delta text-end finish"
    ).split(" "),
  );
  const second = await model.doGenerate({ prompt });
  assert.deepEqual(second.content, [
    { type: "tool-call", toolCallId: "call-1-0", toolName: "look", input: '{"at":"sky"}' },
  ]);
  assert.equal(second.finishReason.unified, "tool-calls");
  assert.equal(second.usage.inputTokens.total, 7);
  assert.deepEqual(
    model.calls.map(({ ask, ended }) => [ask.n, ask.last, ended]),
    [
      [0, "Hello", "done"],
      [1, "Hello", "done"],
    ],
  );
  await assert.rejects(async () => model.doStream({ prompt }), /call 3: the script has 2 replies/);
});

void test("scriptedModel() asks a function what to say, with all that it was told", async () => {
  const model = scriptedModel(({ n, last, messages }) => `${n} ${last} ${messages.length}`);
  const { content } = await model.doGenerate({ prompt });
  assert.deepEqual(content, [{ type: "text", text: "0 Hello 1" }]);
});

void test("scriptedServer() answers in one piece, with usage, and refuses as it is told to", async () => {
  const server = scriptedServer([
    { text: "Hi", usage: { input: 5, output: 2, cacheRead: 1 } },
    { error: { status: 429, message: "Slow down", retryAfter: 3 } },
  ]);
  const post = (body: object): Promise<Response> =>
    server(
      new Request("http://model.test/v1/chat/completions", {
        method: "POST",
        body: JSON.stringify({ model: "m", messages: [{ role: "user", content: "Hey" }], ...body }),
      }),
    );
  const whole = (await (await post({})).json()) as { choices: object[]; usage: object };
  assert.deepEqual(whole.choices, [
    { index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" },
  ]);
  assert.deepEqual(whole.usage, {
    prompt_tokens: 5,
    completion_tokens: 2,
    total_tokens: 7,
    prompt_tokens_details: { cached_tokens: 1 },
    completion_tokens_details: { reasoning_tokens: 0 },
  });
  const refused = await post({});
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "3"]);
  assert.equal(
    ((await refused.json()) as { error: { message: string } }).error.message,
    "Slow down",
  );
  assert.deepEqual(
    server.requests.map(({ ask, ended }) => [ask.last, ended]),
    [
      ["Hey", "done"],
      ["Hey", "failed"],
    ],
  );
  assert.equal((await post({})).status, 400);
});

void test("scriptedServer() streams events, and ends them with [DONE]", async () => {
  const server = scriptedServer([
    { text: "abcd", chunk: 2, toolCalls: [{ name: "f", input: [1] }] },
  ]);
  const response = await server(
    new Request("http://model.test/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ messages: [], stream: true, stream_options: { include_usage: true } }),
    }),
  );
  const lines = (await response.text()).split("\n\n").filter((line) => line !== "");
  assert.equal(lines.at(-1), "data: [DONE]");
  const events = lines.slice(0, -1).map(
    (line) =>
      JSON.parse(line.slice(6)) as {
        choices: {
          delta: { content?: string; tool_calls?: { function: { arguments: string } }[] };
        }[];
        usage?: { total_tokens: number };
      },
  );
  const deltas = events.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  assert.equal(deltas.map(({ content = "" }) => content).join(""), "abcd");
  const input = deltas.flatMap(({ tool_calls = [] }) => tool_calls);
  assert.equal(input.map(({ function: f }) => f.arguments).join(""), "[1]");
  assert.equal(events.at(-1)!.usage!.total_tokens, 2);
});
