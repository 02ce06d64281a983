import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV4Message } from "@ai-sdk/provider";
import * as fc from "fast-check";
import type { Json } from "../../src/core/json.ts";
import type { Message } from "../../src/core/ports/memory.ts";
import { promptOf, textOf } from "../../src/models/prompt.ts";
import { scriptedServer } from "../../src/models/scripted.ts";

// What stands in the files of a conversation: a model wrote it, or anybody who can edit files.

const message = (n: number, role: string, content: unknown): Message => ({
  n,
  at: 0,
  role: role as Message["role"],
  content: content as Json,
  tokens: 1,
});
const asPrompt = (...messages: readonly Message[]): LanguageModelV4Message[] =>
  promptOf(undefined, { messages });
const call = (toolCallId: unknown, more: object = {}) => ({
  type: "tool-call",
  toolCallId,
  toolName: "look",
  input: {},
  ...more,
});
const result = (toolCallId: unknown, value: unknown) => ({
  type: "tool-result",
  toolCallId,
  toolName: "look",
  output: { type: "text", value },
});

void test("promptOf() says so of a message without a word, and leaves out parts that say nothing", () => {
  const prompt = asPrompt(
    message(1, "user", ""),
    message(2, "assistant", [{ type: "text", text: " \n" }]),
    message(3, "user", [null, 7, { type: "text" }, { type: "text", text: null }, { type: "odd" }]),
    message(4, "system", " "),
    message(5, "assistant", { type: "text", text: "no list" }),
    message(6, "user", "Hello"),
  );
  const nothing = { role: "user", content: [{ type: "text", text: "[a message without text]" }] };
  assert.deepEqual(prompt, [
    nothing,
    nothing,
    { role: "user", content: [{ type: "text", text: "Hello" }] },
  ]);
});

void test("promptOf() gives calls ids of their own, and each its own result", () => {
  const prompt = asPrompt(
    message(1, "user", "Look"),
    message(2, "assistant", [call("a"), call("a"), call("b c"), call(5), call("d")]),
    message(3, "tool", [result("b c", "3"), result("a", "1"), result("a", "2"), result("x", "9")]),
    message(4, "assistant", [call("a", { toolName: "look at\u0000that!", input: "no object" })]),
    message(5, "tool", [result("a", "4")]),
    message(6, "tool", [result("a", "again")]),
  );
  const shown = prompt
    .slice(1)
    .map(({ content }) =>
      (content as { toolCallId: string; output?: { value: string } }[]).map((part) => [
        part.toolCallId,
        part.output?.value,
      ]),
    );
  assert.deepEqual(shown, [
    ["a", "call-2-1", "call-2-2", "d"].map((id) => [id, undefined]),
    [
      ["a", "1"],
      ["call-2-1", "2"],
      ["call-2-2", "3"],
      ["d", "There is no result: it was not carried out"],
    ],
    [["call-4-0", undefined]],
    [["call-4-0", "4"]],
  ]);
  const [last] = prompt.at(-2)!.content as unknown as Record<string, unknown>[];
  assert.deepEqual([last!["toolName"], last!["input"]], ["look_at_that_", {}]);
});

void test("promptOf() revives addresses, also within results, and leaves out files that are none", () => {
  const file = (data: unknown) => ({ type: "file", mediaType: "image/png", data });
  const url = { type: "url", url: "http://x.test/a" };
  const files = [
    file(url),
    file({ type: "data", data: "AQI=" }),
    file({ type: "data", data: "?" }),
  ];
  const prompt = asPrompt(
    message(1, "user", [...files, file(null), { ...file(url), mediaType: 1 }]),
    message(2, "assistant", [call("a")]),
    message(3, "tool", [{ ...result("a", ""), output: { type: "content", value: files } }]),
  );
  const revived = [file({ type: "url", url: new URL(url.url) }), files[1]];
  assert.deepEqual(prompt[0]!.content, revived);
  const [told] = prompt[2]!.content as unknown as { output: object }[];
  assert.deepEqual(told!.output, { type: "content", value: revived });
});

const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", " ", "a", "call-1-0"));
const odd = fc.oneof(text, fc.jsonValue({ maxDepth: 2 }));
const part = fc.record(
  {
    type: fc.oneof(
      odd,
      fc.constantFrom(
        "text",
        "reasoning",
        "file",
        "reasoning-file",
        "custom",
        "tool-call",
        "tool-result",
        "source",
      ),
    ),
    text: odd,
    mediaType: fc.oneof(odd, fc.constantFrom("image/png", "application/pdf", "text/plain")),
    data: fc.oneof(
      odd,
      fc.record({
        type: fc.constantFrom("data", "url", "text", "reference"),
        data: text,
        url: odd,
      }),
      fc.constant({ type: "data", data: "AQI=" }),
    ),
    kind: odd,
    toolCallId: fc.oneof(odd, fc.constantFrom("a", "b")),
    toolName: odd,
    input: odd,
    output: fc.oneof(
      odd,
      fc.record({
        type: fc.constantFrom("text", "json", "error-text", "error-json", "content"),
        value: odd,
      }),
    ),
    providerExecuted: fc.boolean(),
    providerOptions: odd,
  },
  { requiredKeys: ["type"] },
);
const conversation = fc.array(
  fc.tuple(
    fc.constantFrom("user", "assistant", "tool"),
    fc.oneof(odd, fc.array(fc.oneof(part, odd), { maxLength: 4 })),
  ),
  { maxLength: 6 },
);
const messagesOf = (given: readonly (readonly [string, unknown])[]): Message[] => [
  message(1, "user", "Hello"),
  ...given.map(([role, content], i) =>
    message(i + 2, role, JSON.parse(JSON.stringify(content)) as Json),
  ),
];

void test("promptOf() makes what providers ask for of any conversation", () => {
  fc.assert(
    fc.property(conversation, (given) => {
      const messages = messagesOf(given);
      for (const one of messages) assert.equal(typeof textOf(one), "string");
      const seen = new Set<string>();
      let open: string[] = [];
      for (const { role, content } of asPrompt(...messages)) {
        assert.ok(content.length > 0);
        if (typeof content === "string") continue;
        for (const part of content) {
          if (part.type === "text") assert.notEqual(part.text.trim(), "");
        }
        const results = content.flatMap((part) =>
          part.type === "tool-result" && role === "tool" ? [part.toolCallId] : [],
        );
        assert.deepEqual(results, open);
        open = content.flatMap((part) =>
          part.type === "tool-call" && part.providerExecuted !== true ? [part.toolCallId] : [],
        );
        for (const id of open) {
          assert.match(id, /^[\w-]{1,64}$/);
          assert.ok(!seen.has(id));
          seen.add(id);
        }
      }
      assert.deepEqual(open, []);
    }),
    { numRuns: 500 },
  );
});

void test("packages of providers take what promptOf() makes of any conversation", async () => {
  const server = scriptedServer(() => "Fine");
  const settings = {
    baseURL: "http://model.test/v1",
    apiKey: "none",
    fetch: (input: string | Request | URL, init?: RequestInit) => server(new Request(input, init)),
  };
  const models = [
    createOpenAI(settings)("gpt-5"),
    createOpenAI(settings).chat("gpt-4o"),
    createAnthropic(settings)("claude-opus-4-6"),
    createOpenAICompatible({ name: "any", ...settings })("m"),
  ];
  // Not each package takes each kind of file and of part, and says so: that is not about what is wrong.
  const unsupported = /functionality not supported/;
  await fc.assert(
    fc.asyncProperty(conversation, async (given) => {
      const prompt = asPrompt(...messagesOf(given));
      for (const model of models) {
        try {
          await model.doGenerate({ prompt });
        } catch (error) {
          assert.match((error as Error).message, unsupported, model.provider);
        }
      }
    }),
    { numRuns: 100 },
  );
});
