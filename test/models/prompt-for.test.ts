import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type {
  LanguageModelV4,
  LanguageModelV4Content,
  LanguageModelV4Prompt,
} from "@ai-sdk/provider";
import { callModel } from "../../src/models/index.ts";
import { contentOf, promptOf } from "../../src/models/prompt.ts";
import { scriptedModel } from "../../src/models/scripted.ts";

/** What providers send of themselves alone. */
const ANSWER: readonly LanguageModelV4Content[] = [
  { type: "reasoning", text: "Hm", providerMetadata: { x: { signature: "s" } } },
  {
    type: "tool-call",
    toolCallId: "1",
    toolName: "web_search",
    input: '{"q":"rain"}',
    providerExecuted: true,
  },
  {
    type: "tool-result",
    toolCallId: "1",
    toolName: "web_search",
    result: { action: { type: "search" } },
  },
  { type: "custom", kind: "x.compaction" },
  { type: "reasoning-file", mediaType: "image/png", data: { type: "data", data: "AQI=" } },
  { type: "file", mediaType: "application/zip", data: { type: "data", data: "AQI=" } },
  { type: "text", text: "It rains", providerMetadata: { openai: { itemId: 5 } } },
  { type: "tool-call", toolCallId: "2", toolName: "look", input: "{}" },
];

function promptAfter(
  provider: string,
  answer: readonly LanguageModelV4Content[] = ANSWER,
): LanguageModelV4Prompt {
  const message = (n: number, role: "user" | "assistant", content: unknown) => ({
    n,
    role,
    at: 0,
    tokens: 1,
    content: JSON.parse(JSON.stringify(content)) as never,
  });
  const reference = { type: "reference", reference: { x: "file-1" } };
  const messages = [
    message(1, "user", [
      { type: "file", mediaType: "image/png", data: reference },
      { type: "text", text: "Does it rain?" },
    ]),
    message(2, "assistant", contentOf(answer, provider)),
    message(3, "user", "And now?"),
  ];
  return promptOf("Be brief", { messages });
}

void test("what one provider answered is sent to all others", async () => {
  const sent: string[] = [];
  const fetch = (url: string | URL | Request): Promise<Response> => {
    sent.push(url instanceof Request ? url.url : String(url));
    return Promise.resolve(Response.json({ error: { message: "no" } }, { status: 400 }));
  };
  const apiKey = "k";
  const models: LanguageModelV4[] = [
    createOpenAI({ apiKey, fetch })("gpt-5"),
    createOpenAI({ apiKey, fetch }).chat("gpt-5"),
    createAnthropic({ apiKey, fetch })("claude-sonnet-4-5"),
    createGoogleGenerativeAI({ apiKey, fetch })("gemini-2.5-pro"),
    createOpenAICompatible({ name: "c", baseURL: "http://x.test/v1", fetch })("m"),
  ];
  for (const model of models) {
    sent.length = 0;
    await assert.rejects(
      callModel({ prompt: promptAfter("x.chat") }, { model, limits: { retries: 0 } }),
    );
    assert.equal(sent.length, 1, `${model.provider} is asked`);
  }
});

void test("a provider has back what it answered, and a fallback has the words of it", async () => {
  const seen = new Map<string, LanguageModelV4Prompt>();
  const model = (provider: string, fails: boolean): LanguageModelV4 => {
    const scripted = scriptedModel([{ text: "Yes" }]);
    return {
      ...scripted,
      provider,
      doStream: (options) => {
        seen.set(provider, options.prompt);
        if (fails) throw new Error("down");
        return scripted.doStream(options);
      },
    };
  };
  await callModel(
    { prompt: promptAfter("x.chat") },
    { model: model("x.chat", true), fallbacks: [model("y", false)], limits: { retries: 0 } },
  );
  const [, asked, answered] = seen.get("x.chat")!;
  assert.equal((asked!.content[0] as { type: string }).type, "file");
  const output = { type: "json", value: { action: { type: "search" } } };
  assert.deepEqual(answered!.content, [
    { type: "reasoning", text: "Hm", providerOptions: { x: { signature: "s" } } },
    {
      type: "tool-call",
      toolCallId: "1",
      toolName: "web_search",
      input: { q: "rain" },
      providerExecuted: true,
    },
    { type: "tool-result", toolCallId: "1", toolName: "web_search", output },
    { type: "custom", kind: "x.compaction" },
    { type: "reasoning-file", mediaType: "image/png", data: { type: "data", data: "AQI=" } },
    { type: "file", mediaType: "application/zip", data: { type: "data", data: "AQI=" } },
    { type: "text", text: "It rains", providerOptions: { openai: { itemId: 5 } } },
    { type: "tool-call", toolCallId: "2", toolName: "look", input: {} },
  ]);
  const other = seen.get("y")!;
  assert.deepEqual(other[1]!.content, [
    { type: "text", text: "[a file: image/png]" },
    { type: "text", text: "Does it rain?" },
  ]);
  assert.deepEqual(other[2]!.content, [
    { type: "text", text: '[web_search: {"q":"rain"}]' },
    { type: "text", text: '[web_search gave: {"action":{"type":"search"}}]' },
    { type: "text", text: "[a file: application/zip]" },
    { type: "text", text: "It rains" },
    { type: "tool-call", toolCallId: "2", toolName: "look", input: {} },
  ]);
});

void test("an answer without a word for others leaves no message that is empty", async () => {
  const model = scriptedModel([{ text: "Yes" }]);
  const prompt = promptAfter("x.chat", [{ type: "reasoning", text: "Hm" }]);
  await callModel({ prompt }, { model });
  const roles = model.calls[0]!.options.prompt.map(({ role }) => role);
  assert.deepEqual(roles, ["system", "user", "user"]);
});
